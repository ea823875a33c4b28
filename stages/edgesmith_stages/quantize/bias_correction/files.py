"""Correct the biases of a quantised artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import OnnxModel
from edgesmith_stages.quantize.bias_correction.correct import correct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model
    from edgesmith_stages.quantize.bias_correction.layers import WeightedFile


def correct_biases(source: Model, made: Model, images: NDArray[np.uint8], scratch: Path) -> dict[str, Any]:
    """Correct an int8 file's biases, in place, if neither its logits nor its answers to the images get worse by that.

    Args:
        source: the float file, ONNX or TFLite.
        made: the int8 file.
        images: calibration images, uint8 [N, H, W, C].
        scratch: that the int8 file was made in.

    Returns:
        Figures: see `correct.correct`.
    """
    rows = source.contract.feed(images)
    places = [scratch / "bias-correction" / name for name in ("float", "int8")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    plain: WeightedFile
    rounded: WeightedFile
    if isinstance(made, OnnxModel):
        from edgesmith_stages.quantize.bias_correction.onnx_file import OnnxFile
        from edgesmith_stages.quantize.onnx import PREPARED

        # Not the source's own file: preparing it merges and renames nodes.
        plain, rounded = OnnxFile(scratch / PREPARED, places[0]), OnnxFile(made.file, places[1])
    else:
        from edgesmith_stages.quantize.bias_correction.tflite_file import TfliteFile

        plain, rounded = TfliteFile(source.file, places[0]), TfliteFile(made.file, places[1])
    figures = correct(plain, rounded, rows)
    if figures["bias_kept"]:
        rounded.save(made.file)
    return figures
