"""Quantise TFLite files with ai-edge-quantizer."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import StageFailed, TfliteModel
from edgesmith_stages.formats.tflite import integer_ops, numbers, op_names, packed, read, write
from edgesmith_stages.quantize.graph import Operation, of_types
from edgesmith_stages.quantize.tflite_pads import finite_pads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


SLOW_IN_INT8 = ("BATCH_MATMUL", "SQUARED_DIFFERENCE", "RSQRT", "SUB", "SOFTMAX", "MEAN")
"""Operators that XNNPACK has no fast int8 kernel for. Left in float, they make MobileViT-XXS' int8 1.8 times as fast as
fp32; quantised too, 0.9 times (measured at 64 px on two x86 cores; issue 6 has more)."""

WRONG_IN_INT8 = ("DIV",)
"""Operators that always stay in float: the small divisors of linear attention (EfficientViT, EdgeNeXt) share a range
with large ones, become zero, and LiteRT refuses to run the file."""

BOUNDS = ("MAXIMUM", "MINIMUM")
LEAST_BOUND = 1e-3
"""Bounds nearer to zero than this keep their operator in float: in int8 the 1e-12 that guards a norm's division against
zero (SwiftFormer) is zero itself."""

ANY = ".*"


class TfliteQuantiser:
    """Quantises one file, again and again; the ranges of its activations are found once.

    Args:
        source: the float file.
        images: calibration images, uint8 [N, H, W, C]; None if `int8` will not be asked for.
        per_channel: whether in `int8` each output channel of a weight has a scale of its own.
    """

    def __init__(self, source: TfliteModel, images: NDArray[np.uint8] | None, *, per_channel: bool = True) -> None:
        self._contract, self._images, self._per_channel = source.contract, images, per_channel
        self._content = source.file.read_bytes()

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The file's operators, in order."""
        return tuple(_operations(read(self._content)))

    def slow(self, scheme: str) -> tuple[str, ...]:
        """Return the names of the operations that a scheme leaves in float unless it is told otherwise."""
        return tuple(one.name for one in self.operations if scheme == "int8" and one.op in SLOW_IN_INT8)

    def write(self, scheme: str, keep: Collection[str], file: Path) -> dict[str, Any]:
        """Write the quantised file.

        Args:
            scheme: one of TFLite's.
            keep: names of operations that stay as they are.
            file: where to.

        Returns:
            Figures: `ops`, `int8_ops`.
        """
        from edgesmith_stages.hush import hushed

        if scheme == "int8":
            keep = {*keep, *(one.name for one in self.operations if not one.quantisable)}
        with hushed():
            try:
                model = self._quantised(scheme, keep)
            except StageFailed as error:
                raise self._blamed(error, scheme, keep) from error.__cause__
        write(model, file)
        return {"ops": len(op_names(model)), "int8_ops": integer_ops(model)}

    def _quantised(self, scheme: str, keep: Collection[str]) -> Any:
        from ai_edge_quantizer import quantizer

        from edgesmith.conversion import converting

        with converting("ai-edge-quantizer", "a quantised model", "leave that operator out with `exclude`"):
            content, statistics = self._content, None
            if scheme == "int8":
                # The quantiser widens ranges of tensors that share a scale, in place: the next file would see that.
                statistics = copy.deepcopy(self._ranges)
                model = read(content)
                if finite_pads(model, statistics, keep):
                    content = packed(model)
            recipe = recipe_for(scheme, keep, per_channel=self._per_channel).get_quantization_recipe()
            result = quantizer.Quantizer(content, recipe).quantize(
                statistics, enable_progress_bar=False, enable_progress_report=False
            )
            return read(bytes(result.quantized_model))

    def _blamed(self, error: StageFailed, scheme: str, keep: Collection[str]) -> StageFailed:
        """Name the type of operator without which the file can be made; the error as it was where no one type is it."""
        if scheme == "int8" and "_ranges" not in self.__dict__:
            return error  # calibration failed, which no choice of operators changes
        kinds = dict.fromkeys(one.op for one in self.operations if one.quantisable and one.name not in keep)
        for kind in kinds:
            try:
                self._quantised(scheme, {*keep, *of_types(self.operations, (kind,))})
            except StageFailed:
                continue
            floats = {one.op for one in self.operations if one.quantisable and one.name in keep}
            listed = ", ".join(sorted({*floats, kind}))
            reason = error.message.partition(": ")[2]
            return StageFailed(
                f"ai-edge-quantizer could not make a quantised model at the operator {kind}: {reason}",
                hint=f"leave it in float: `exclude: [{listed}]`",
            )
        return error

    @cached_property
    def _ranges(self) -> Any:
        """Run the float model on the images and return every tensor's least and largest value.

        The library's default is a moving average over samples, which depends on their order and forgets the first ones
        (MobileNetV2: 88 to 98 % by count and order); true extremes hold 98.6 % there.
        """
        from ai_edge_quantizer import calibrator
        from ai_edge_quantizer.utils import qsv_utils

        if self._images is None:
            raise ValueError("static quantisation needs calibration images")
        calibration = calibrator.Calibrator(
            self._content,
            num_threads=1,
            mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
            qsv_update_func=qsv_utils.min_max_update,
        )
        signature, names = next(iter(signatures(self._content).items()))
        samples = [{names["inputs"][0]: row[None]} for row in self._contract.feed(self._images)]
        # Of everything that could be quantised, so that any choice of operations finds its ranges.
        calibration.calibrate({signature: samples}, recipe_for("int8", ()))
        return calibration.get_model_qsvs()


def quantize_tflite(
    source: TfliteModel, made: TfliteModel, params: Any, images: NDArray[np.uint8] | None
) -> dict[str, Any]:
    """Quantise a file as the params of the stage say.

    Args:
        source: the float file.
        made: where to write.
        params: of the stage.
        images: calibration images, uint8 [N, H, W, C], for `int8`.

    Returns:
        Figures: `ops`, `int8_ops`.
    """
    quantiser = TfliteQuantiser(source, images, per_channel=params.granularity != "per_tensor")
    keep = quantiser.slow(params.scheme) if params.exclude is None else of_types(quantiser.operations, params.exclude)
    return quantiser.write(params.scheme, keep, made.file)


def recipe_for(scheme: str, keep: Collection[str], *, per_channel: bool = True) -> Any:
    """Return the quantiser's recipe: a scheme for all operators but those whose names are given.

    Args:
        scheme: one of TFLite's.
        keep: names of operators.
        per_channel: whether in `int8` each output channel of a weight has a scale of its own.
    """
    from ai_edge_quantizer import algorithm_manager, qtyping, recipe_manager

    op, algorithm = qtyping.TFLOperationName, algorithm_manager.AlgorithmName
    recipe = recipe_manager.RecipeManager()
    if scheme == "int8":
        share = qtyping.QuantGranularity.CHANNELWISE if per_channel else qtyping.QuantGranularity.TENSORWISE
        recipe.add_static_config(ANY, op.ALL_SUPPORTED, 8, 8, share)
        # The file keeps a float input and output, so that every caller of the float file can call it.
        for edge in (op.INPUT, op.OUTPUT):
            recipe.add_quantization_config(ANY, edge, None, algorithm.NO_QUANTIZE)
    elif scheme == "dynamic-int8":
        recipe.add_dynamic_config(ANY, op.ALL_SUPPORTED, num_bits=8)
    elif scheme == "weight-int8":
        recipe.add_weight_only_config(ANY, op.ALL_SUPPORTED, num_bits=8)
    else:
        half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=half,
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )
        recipe.add_quantization_config(ANY, op.ALL_SUPPORTED, config, algorithm.FLOAT_CASTING)
    if keep:
        # The quantiser looks for the expression in the outputs' names, each followed by a semicolon.
        those = "|".join(re.escape(name) for name in sorted(keep))
        recipe.add_quantization_config(f"^(?:{those});$", op.ALL_SUPPORTED, None, algorithm.NO_QUANTIZE)
    return recipe


def _operations(model: Any) -> list[Operation]:
    from ai_edge_litert.schema_py_generated import TensorType
    from ai_edge_quantizer import qtyping

    floats = (TensorType.FLOAT32, TensorType.FLOAT16)
    known = {one.value for one in qtyping.TFLOperationName}
    names = iter(op_names(model))
    found = []
    for graph in model.subgraphs:
        labels = [tensor.name.decode() for tensor in graph.tensors]
        for operator in graph.operators:
            op = next(names)
            read_ = [index for index in operator.inputs if index >= 0]
            constants = [index for index in read_ if model.buffers[graph.tensors[index].buffer].data is not None]
            shapes = [graph.tensors[index].shape for index in constants if graph.tensors[index].type in floats]
            bounds = [numbers(model, graph.tensors[index]) for index in constants if op in BOUNDS]
            odd = op in WRONG_IN_INT8 or any(((one != 0) & (abs(one) < LEAST_BOUND)).any() for one in bounds)
            found.append(
                Operation(
                    name=";".join(labels[index] for index in operator.outputs),
                    op=op,
                    inputs=tuple(labels[index] for index in read_ if index not in constants),
                    outputs=tuple(labels[index] for index in operator.outputs),
                    constants=bool(constants),
                    weights=any(sum(int(size) > 1 for size in shape) >= 2 for shape in shapes if shape is not None),
                    quantisable=op in known and not odd,
                )
            )
    return found


def signatures(content: bytes) -> dict[str, Any]:
    """Return the file's signatures: by name, `inputs` and `outputs` as lists of names."""
    from ai_edge_litert.interpreter import Interpreter

    found: dict[str, Any] = Interpreter(model_content=content).get_signature_list()
    return found
