"""From a graph to a package, by coremltools."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith_stages.coreml_export.selector import Selector
from edgesmith_stages.coreml_export.sizes import Sizes

if TYPE_CHECKING:
    from edgesmith import InputContract

INPUT, LOGITS = "image", "logits"
LABEL = "classLabel"
SOURCE = "edgesmith.source"
"""Key of the metadata that holds the digest of the torch model."""


def convert(
    program: Any,
    contract: InputContract,
    sizes: Sizes,
    params: Any,
    package: Path,
    *,
    half: bool,
    kept: Collection[str] = (),
    known: Collection[str] = (),
    source: str = "",
) -> None:
    """Convert a graph and save the package.

    Args:
        program: from `graph.export`.
        contract: of the network.
        sizes: which sizes of image it takes.
        params: of `export-coreml`.
        package: where to save.
        half: compute in half precision.
        kept: operations, by canonical name, that stay in single precision.
        known: all operations, by canonical name, of the package in single precision.
        source: digest of the torch model; "" if it has none.

    Raises:
        StageFailed: coremltools cannot convert it.
    """
    from edgesmith.conversion import converting
    from edgesmith_stages.coreml_export.located import located
    from edgesmith_stages.formats.coreml import building, save

    hint = "try another `target`, or replace that operator in the model"
    with building(), located(program), converting("coremltools", "a Core ML model", hint):
        import coremltools

        model = coremltools.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=getattr(coremltools.target, params.target),
            compute_precision=_precision(half, kept, known),
            inputs=[_input(contract, sizes, params)],
            skip_model_load=True,
            **_outputs(contract, params),
        )
        _describe(model, params, source)
        save(model, package)


def _precision(half: bool, kept: Collection[str], known: Collection[str]) -> Any:
    import coremltools

    if not half:
        return coremltools.precision.FLOAT32
    return coremltools.transform.FP16ComputePrecision(op_selector=Selector(kept, known))


def _input(contract: InputContract, sizes: Sizes, params: Any) -> Any:
    import coremltools
    import numpy as np

    shape: Any = [(1, contract.channels, *size) for size in (sizes.default, *sizes.others)]
    if sizes.range is not None:
        low, high = sizes.range
        sides = (coremltools.RangeDim(low, high, default=side) for side in sizes.default)
        shape = (1, contract.channels, *sides)
    else:
        shape = coremltools.EnumeratedShapes(shape, default=shape[0]) if sizes.others else shape[0]
    if not params.image_input:
        return coremltools.TensorType(name=INPUT, shape=shape, dtype=np.float32)
    grey = contract.channels == 1
    bias = [-value for value in contract.mean]
    return coremltools.ImageType(
        name=INPUT,
        shape=shape,
        scale=1 / 255,
        bias=bias[0] if grey else bias,
        color_layout=coremltools.colorlayout.GRAYSCALE if grey else coremltools.colorlayout.RGB,
    )


def _outputs(contract: InputContract, params: Any) -> dict[str, Any]:
    import coremltools
    import numpy as np

    if params.labels:
        classes = list(contract.classes)
        config = coremltools.ClassifierConfig(classes, predicted_feature_name=LABEL)
        return {"classifier_config": config, "outputs": [coremltools.TensorType(dtype=np.float32)]}
    return {"outputs": [coremltools.TensorType(name=LOGITS, dtype=np.float32)]}


def _describe(model: Any, params: Any, source: str) -> None:
    model.author, model.license = params.author, params.license
    model.version, model.short_description = params.version, params.description
    if source:
        model.user_defined_metadata[SOURCE] = source
