"""Insert quantize and dequantize around convolutions, linear layers, pools and additions.

Which operators, and which patterns of them, is coremltools' knowledge, and its passes'. The pairs are made here: the
library's have half-precision scales after a float32 operator, which is an error, and compute ranges in half precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgesmith_stages.quantize.coreml.settings import settings

if TYPE_CHECKING:
    from edgesmith_stages.quantize.coreml.ranges import Ranges

LEAST_SCALE = 2.0**-20
"""Of a value that is hardly anything but zero: half precision holds this scale to a sixteenth."""


def passes(params: Any, ranges: Ranges) -> list[Any]:
    """Return coremltools' passes: before the operators, after them, and what meets in between taken out again.

    Args:
        params: of the stage.
        ranges: by the name of a value. Operators with an input or output that has none stay float.
    """
    from coremltools.converters.mil.mil.passes.defs import optimize_activation_quantization as after
    from coremltools.converters.mil.mil.passes.defs.optimize_quantization import dequantize_quantize_pair_elimination
    from coremltools.optimize.coreml import OpLinearQuantizerConfig
    from coremltools.optimize.coreml import _quantization_passes as library

    class Before(library.insert_prefix_quantize_dequantize_pair):  # type: ignore[misc]
        """Skips additions of integers, and of constants that are no `const`."""

        def transform_op(self, op: Any) -> None:
            if op.op_type in self.SUPPORTED_OP_TYPES and _known(op, ranges):
                super().transform_op(op)

        def _construct_quant_dequant_op(self, value: Any, *_: Any) -> Any:
            return _pair(value, ranges[value.name], params.symmetric_activations)

    class After(after.insert_suffix_quantize_dequantize_pair):  # type: ignore[misc]
        def _try_apply_transform(self, last: Any, child: Any, block: Any, visited: set[Any], *_: Any) -> bool:
            (value,) = last.outputs
            if child is None or value.name not in ranges or value in block.outputs:
                return False
            operations = list(block.operations)
            following = operations[operations.index(last) + 1]
            pair = _pair(value, ranges[value.name], params.symmetric_activations, before_op=following)
            block.replace_uses_of_var_after_op(anchor_op=pair.op, old_var=value, new_var=pair)
            visited.add(pair.op)
            return True

    made: list[Any] = [Before(), After()]
    for one in made:
        one.config = settings(params, OpLinearQuantizerConfig())
    return [*made, dequantize_quantize_pair_elimination()]


def scale_and_zero(low: float, high: float, symmetric: bool) -> tuple[float, int | None]:
    """Return the scale and the zero point of an int8 range that holds `low`, `high` and zero.

    Args:
        low: least value.
        high: largest value.
        symmetric: whether the range reaches as far below zero as above, so that there is no zero point.
    """
    if symmetric:
        return max(-low, high, 127 * LEAST_SCALE) / 127, None
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / 255, LEAST_SCALE)
    return scale, max(-128, min(127, round(-128 - low / scale)))


def _pair(value: Any, span: tuple[float, float], symmetric: bool, **place: Any) -> Any:
    """Quantise a value and dequantise it again; return the result."""
    import numpy as np
    from coremltools.converters.mil.mil import Builder as mb
    from coremltools.converters.mil.mil import types

    scale, zero = scale_and_zero(*span, symmetric)
    how: Mapping[str, Any] = {
        "scale": np.dtype(types.nptype_from_builtin(value.dtype)).type(scale),
        "zero_point": None if zero is None else np.int8(zero),
        **place,
    }
    return mb.dequantize(input=mb.quantize(input=value, output_dtype="int8", **how), **how)


def _known(op: Any, ranges: Mapping[str, Any]) -> bool:
    """Whether each input of an operator that would be quantised has a range, or is a constant."""
    values = [op.inputs[name] for name in ("x", "y") if name in op.inputs]
    return all(value.name in ranges or (value.op is not None and value.op.op_type == "const") for value in values)
