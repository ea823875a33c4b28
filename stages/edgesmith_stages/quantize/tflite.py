"""Quantise TFLite files with ai-edge-quantizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith import TfliteModel, UserError
from edgesmith.errors import unknown
from edgesmith_stages.formats.tflite import integer_ops, op_names, read, write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract

SLOW_IN_INT8 = ("BATCH_MATMUL", "SQUARED_DIFFERENCE", "RSQRT", "SUB", "SOFTMAX", "MEAN")
"""Operators that XNNPACK has no fast int8 kernel for. Left in float, they make MobileViT-XXS' int8 1.8 times as fast as
fp32; quantised too, 0.9 times (measured at 64 px on two x86 cores; issue 6 has more)."""

ANY = ".*"


def quantize_tflite(
    source: TfliteModel, made: TfliteModel, params: Any, images: NDArray[np.uint8] | None
) -> dict[str, Any]:
    """Quantise a file.

    Args:
        source: the float file.
        made: where to write.
        params: of the stage.
        images: calibration images, uint8 [N, H, W, C], for `int8`.

    Returns:
        Figures: `ops`, `int8_ops`.
    """
    from ai_edge_quantizer import quantizer

    from edgesmith.conversion import converting
    from edgesmith_stages.hush import hushed

    content = source.file.read_bytes()
    recipe = recipe_for(params, op_names(read(content)))
    with hushed(), converting("ai-edge-quantizer", "a quantised model", "leave that operator out with `exclude`"):
        statistics = None if images is None else _ranges(content, recipe, source.contract, images)
        result = quantizer.Quantizer(content, recipe.get_quantization_recipe()).quantize(
            statistics, enable_progress_bar=False, enable_progress_report=False
        )
        model = read(bytes(result.quantized_model))
    write(model, made.file)
    return {"ops": len(op_names(model)), "int8_ops": integer_ops(model)}


def recipe_for(params: Any, present: list[str]) -> Any:
    """Return the quantiser's recipe; raise UserError for an excluded operator that the model doesn't have."""
    from ai_edge_quantizer import algorithm_manager, qtyping, recipe_manager

    op, algorithm = qtyping.TFLOperationName, algorithm_manager.AlgorithmName
    recipe = recipe_manager.RecipeManager()
    if params.scheme == "int8":
        recipe.add_static_config(ANY, op.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
        # The file keeps a float input and output, so that every caller of the float file can call it.
        for edge in (op.INPUT, op.OUTPUT):
            recipe.add_quantization_config(ANY, edge, None, algorithm.NO_QUANTIZE)
    elif params.scheme == "dynamic-int8":
        recipe.add_dynamic_config(ANY, op.ALL_SUPPORTED, num_bits=8)
    elif params.scheme == "weight-int8":
        recipe.add_weight_only_config(ANY, op.ALL_SUPPORTED, num_bits=8)
    else:
        half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=half,
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )
        recipe.add_quantization_config(ANY, op.ALL_SUPPORTED, config, algorithm.FLOAT_CASTING)
    for name in excluded(params, present):
        recipe.add_quantization_config(ANY, op(name), None, algorithm.NO_QUANTIZE)
    return recipe


def excluded(params: Any, present: list[str]) -> tuple[str, ...]:
    """Return the operators to leave in float: those the user named, or for `int8` those that int8 makes slower."""
    if params.exclude is None:
        return tuple(name for name in SLOW_IN_INT8 if params.scheme == "int8" and name in present)
    for name in params.exclude:
        if name not in present:
            raise UserError(unknown("operator in `exclude`", name, set(present)))
    return tuple(_supported(params.exclude))


def _supported(names: tuple[str, ...]) -> list[str]:
    """Drop what the quantiser leaves alone anyway."""
    from ai_edge_quantizer import qtyping

    known = {one.value for one in qtyping.TFLOperationName}
    return [name for name in names if name in known]


def _ranges(content: bytes, recipe: Any, contract: InputContract, images: NDArray[np.uint8]) -> Any:
    """Run the float model on the images and return every tensor's least and largest value.

    The library's default is a moving average over samples, which depends on their order and forgets the first ones
    (MobileNetV2: 88 to 98 % by count and order); true extremes hold 98.6 % there.
    """
    from ai_edge_quantizer import calibrator
    from ai_edge_quantizer.utils import qsv_utils

    calibration = calibrator.Calibrator(
        content,
        num_threads=1,
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=qsv_utils.min_max_update,
    )
    signature, names = next(iter(signatures(content).items()))
    samples = [{names["inputs"][0]: row[None]} for row in contract.feed(images)]
    calibration.calibrate({signature: samples}, recipe)
    return calibration.get_model_qsvs()


def signatures(content: bytes) -> dict[str, Any]:
    """Return the file's signatures: by name, `inputs` and `outputs` as lists of names."""
    from ai_edge_litert.interpreter import Interpreter

    found: dict[str, Any] = Interpreter(model_content=content).get_signature_list()
    return found
