"""Insert quantize and dequantize around convolutions, linear layers, pools and additions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgesmith_stages.quantize.coreml.settings import settings


def passes(params: Any, ranges: Mapping[str, Mapping[str, float]]) -> list[Any]:
    """Return coremltools' passes: before the operators, after them, and what meets in between taken out again.

    Args:
        params: of the stage.
        ranges: by the name of a value, `rmin` and `rmax`. Operators with another input or output stay float.
    """
    from coremltools.converters.mil.mil.passes.defs import optimize_activation_quantization as after
    from coremltools.converters.mil.mil.passes.defs.optimize_quantization import dequantize_quantize_pair_elimination
    from coremltools.optimize.coreml import OpLinearQuantizerConfig
    from coremltools.optimize.coreml import _quantization_passes as library

    class Before(library.insert_prefix_quantize_dequantize_pair):  # type: ignore[misc]
        """Skips additions of constants that are no `const` (compressed ones), and of integers."""

        def transform_op(self, op: Any) -> None:
            if op.op_type in self.SUPPORTED_OP_TYPES and _known(op, ranges):
                super().transform_op(op)

    class After(after.insert_suffix_quantize_dequantize_pair):  # type: ignore[misc]
        """Skips what has no range, and gives what follows a float32 operator a float32 scale."""

        def _try_apply_transform(self, last_op: Any, *others: Any) -> bool:
            done = last_op.outputs[0].name in ranges and super()._try_apply_transform(last_op, *others)
            return bool(done)

    mode = "linear_symmetric" if params.symmetric_activations else "linear"
    made = [Before(), After()]
    for one in made:
        one.config = settings(params, OpLinearQuantizerConfig(mode=mode))
        one.activation_stats = dict(ranges)
    return [*made, dequantize_quantize_pair_elimination()]


def _known(op: Any, ranges: Mapping[str, Any]) -> bool:
    """Whether each input of an operator that would be quantised has a range, or is a constant."""
    values = [op.inputs[name] for name in ("x", "y") if name in op.inputs]
    return all(value.name in ranges or (value.op is not None and value.op.op_type == "const") for value in values)
