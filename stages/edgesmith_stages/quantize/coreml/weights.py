"""Linear quantisation of weights: int8, uint8, int4 and uint4, by tensor, channel or block."""

from __future__ import annotations

from typing import Any

from edgesmith_stages.quantize.coreml.settings import settings

BLOCKS_4_BITS = (32, 16, 8)
"""How many input channels share a 4-bit scale by default, tried in this order."""


def passes(params: Any, joint: bool) -> list[Any]:
    """Return coremltools' passes.

    Each finds the weights that the ones before it left: blocks that don't divide a weight's input channels leave it to
    the next pass, and the last one takes any weight.

    Args:
        params: of the stage.
        joint: whether weights may be sparse already.
    """
    return [_linear(params, joint, granularity, block) for granularity, block in _steps(params)]


def lut_pass(params: Any) -> Any:
    """Return the pass that quantises the entries of palettes, and nothing else."""
    made = _pass(params, True, dtype=params.lut_dtype, mode="linear_symmetric", granularity="per_tensor")
    made.op_selector = _is_lut
    return made


def _steps(params: Any) -> list[tuple[str, int | None]]:
    blocks: tuple[int, ...] = () if params.block_size is None else (params.block_size,)
    bits4 = params.scheme in ("linear-int4", "linear-uint4")
    if not blocks and (params.granularity == "per_block" or (bits4 and params.granularity is None)):
        blocks = BLOCKS_4_BITS
    last = "per_tensor" if params.granularity == "per_tensor" else "per_channel"
    return [*(("per_block", size) for size in blocks), (last, None)]


def _linear(params: Any, joint: bool, granularity: str, block: int | None) -> Any:
    dtype = "int8" if params.scheme == "int8" else params.scheme.removeprefix("linear-")
    mode = "linear_symmetric" if params.symmetric else "linear"
    sizes = {} if block is None else {"block_size": block}
    return _pass(params, joint, dtype=dtype, mode=mode, granularity=granularity, **sizes)


def _pass(params: Any, joint: bool, **options: Any) -> Any:
    from coremltools.optimize.coreml import OpLinearQuantizerConfig
    from coremltools.optimize.coreml import _quantization_passes as library

    how = OpLinearQuantizerConfig(weight_threshold=params.min_elements, **options)
    made = library.linear_quantize_weights(settings(params, how))
    made.joint_compression = joint
    return made


def _is_lut(constant: Any) -> bool:
    """Whether a constant is what a constexpr_lut_ operation looks up."""
    (value,) = constant.outputs
    return any(op.op_type.startswith("constexpr_lut_") and op.inputs["lut"] is value for op in value.child_ops)
