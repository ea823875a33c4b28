"""Post-training quantisation with NNCF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith import UserError, converting
from edgesmith_openvino.ir import types

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith_openvino.model import OpenVinoModel


def quantize(source: OpenVinoModel, images: NDArray[np.uint8], params: Any) -> Any:
    """Quantise a file and return the `openvino.Model`.

    Args:
        source: the float file.
        images: calibration images, uint8 [N, H, W, C].
        params: of the stage.

    Raises:
        UserError: the file is quantised already, or `ignored_scope` names what it doesn't have.
    """
    from edgesmith_openvino.backend import gist, nncf, openvino

    model = openvino().Core().read_model(source.xml)
    if "FakeQuantize" in types(model):
        raise UserError("the model is quantised already", hint="connect the float model that it was made from")
    ignored = params.ignored_scope.names_in(model)
    library = nncf()
    ranges = library.quantization.range_estimator.RangeEstimatorParametersSet
    # NNCF's own default averages over images, which cuts peaks: 21 dB where extremes hold 28 (test_byobnet, digits).
    method = {"minmax": ranges.MINMAX, "mean-minmax": ranges.MEAN_MINMAX}[params.calibration_method]
    batches = _batches(source, images)
    with converting("NNCF", "a quantised model", "leave an operation out with `ignored_scope`", telling=gist):
        return library.quantize(
            model,
            library.Dataset(batches, source.contract.feed),
            preset=library.QuantizationPreset(params.preset),
            subset_size=len(batches),
            fast_bias_correction=params.fast_bias_correction,
            model_type=library.ModelType.TRANSFORMER if params.transformer else None,
            ignored_scope=library.IgnoredScope(names=ignored, validate=False),
            advanced_parameters=library.AdvancedQuantizationParameters(activations_range_estimator_params=method),
        )


def _batches(source: OpenVinoModel, images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Cut the images into batches of the size that the file takes; what is left over is not used."""
    size = source.contract.batch or 1
    return [images[begin : begin + size] for begin in range(0, len(images) - size + 1, size)]
