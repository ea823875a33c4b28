"""Palettes: weights as indices into tables of numbers or vectors, by tensor or by group of channels."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

from edgesmith_stages.quantize.coreml.settings import settings

GROUP = 32
"""Channels that share a palette where nothing else is said."""


def passes(params: Any, joint: bool) -> list[Any]:
    """Return coremltools' passes; each finds the weights that those before it left, since they didn't fit.

    Args:
        params: of the stage.
        joint: whether weights may be sparse already.
    """
    grouped = params.group_size is not None or params.granularity == "per_grouped_channel"
    groups = ((params.group_size or GROUP), None) if grouped else (None,)
    vectors = (params.cluster_dim, 1) if params.cluster_dim > 1 else (1,)
    return [_pass(params, joint, group, length) for length, group in product(vectors, groups)]


def _pass(params: Any, joint: bool, group: int | None, length: int) -> Any:
    from coremltools.optimize.coreml import OpPalettizerConfig
    from coremltools.optimize.coreml import _quantization_passes as library

    class Palettize(library.palettize_weights):  # type: ignore[misc]
        """Takes what fits alone, and scales output channels."""

        def transform_op(self, op: Any) -> None:
            how = self.config._get_const_op_config(op)
            if how is None or not self.need_compress_const(op, False, how.weight_threshold) or not _fits(op, how):
                return
            if params.per_channel_scale:
                _palettize_scaled(self, op, how)
            else:
                super().transform_op(op)

    unique = params.scheme == "palettize-unique"
    sizes = {} if group is None else {"granularity": "per_grouped_channel", "group_size": group}
    how = OpPalettizerConfig(
        mode="unique" if unique else params.palette,
        nbits=None if unique else int(params.scheme.rpartition("-")[2]),
        cluster_dim=length,
        weight_threshold=params.min_elements,
        **sizes,
    )
    made = Palettize(settings(params, how))
    made.joint_compression = joint
    return made


def _fits(op: Any, how: Any) -> bool:
    """Whether groups divide the channels, vectors the groups, and k-means gets a vector for each entry at least."""
    from coremltools.optimize import _utils as library

    (weight,) = op.outputs
    reader = weight.child_ops[0]
    if reader.op_type == "constexpr_sparse_to_dense":
        (weight,) = reader.outputs  # the constant is the elements that are not zero
    sizes, axis = library.infer_block_sizes(op, how, weight, return_channel_axis=True)
    if sizes is None or axis >= weight.rank:
        return False
    channels = weight.shape[axis]
    group = sizes[axis] or channels
    if channels % group or group % how.cluster_dim or not library.is_cluster_dim_valid(op, how.cluster_dim, axis):
        return False
    vectors = math.prod(weight.shape) // channels * group // how.cluster_dim
    return how.nbits is None or how.cluster_dim == 1 or vectors >= 2**how.nbits


def _palettize_scaled(palettize: Any, op: Any, how: Any) -> None:
    """Divide a weight by its output channels' largest magnitudes, then palettise it.

    coremltools 9.0's `enable_per_channel_scale` reduces along the output channels instead of all others: that makes a
    scale of as many numbers as a channel has weights, and with it files that are half as large again.
    """
    import numpy as np
    from coremltools.converters.mil.frontend._utils import _construct_constexpr_lut_op
    from coremltools.converters.mil.mil import Builder as mb
    from coremltools.optimize import _utils as library

    (weight,) = op.outputs
    sizes, axis = library.infer_block_sizes(op, how, weight, return_channel_axis=True)
    others = tuple(one for one in range(weight.rank) if one != axis)
    scale = np.abs(weight.val).max(axis=others, keepdims=True)
    scale[scale == 0] = 1
    table = palettize.blockwise_compress(weight.val / scale, how.mode, how.nbits, sizes, channel_axis=axis)
    if table is None:
        return
    dense = _construct_constexpr_lut_op(table.indices, table.lut, None, name=f"{op.name}_palettized", before_op=op)
    scaled = mb.constexpr_blockwise_shift_scale(data=dense, scale=scale, before_op=op, name=f"{op.name}_scaled")
    block = op.enclosing_block
    block.replace_uses_of_var_after_op(anchor_op=op, old_var=weight, new_var=scaled, no_check_var_types=True)
    block.remove_ops([op])
