"""Compressed weights: every constexpr_ operation.

iOS16's are flat: indices and masks packed into bytes, with the shape beside them. iOS18's have tensors of sub-byte
types, which arrive here with one element a byte, and parameters by block: a parameter has the rank of the data, and
each of its elements serves an equal block of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.dtypes import BY_NAME
from edgesmith_stages.mil.kernels.quantization import scaled
from edgesmith_stages.mil.kernels.unpack import unpack_bits

if TYPE_CHECKING:
    from torch import Tensor


def affine_dequantize(call: Call) -> Results:
    """iOS16: scale * (quantized_data - zero_point), by tensor or along `axis`."""
    return scaled(call, call.tensor("quantized_data"))


def cast(call: Call) -> Results:
    """source_val as output_dtype (fp16 to fp32)."""
    return call.tensor("source_val").to(call.held(call.choice("output_dtype", BY_NAME)))


def lut_to_dense_flat(call: Call) -> Results:
    """iOS16: lut[indices]; an index has log2(len(lut)) bits."""
    lut, shape = call.tensor("lut"), call.ints("shape")
    bits = (lut.numel() - 1).bit_length()
    return lut[unpack_bits(call.tensor("indices"), bits, math.prod(shape)).int()].reshape(shape)


def sparse_to_dense_flat(call: Call) -> Results:
    """iOS16: nonzero_data where the mask's bits are set, else 0."""
    shape = call.ints("shape")
    return _dense(call.tensor("nonzero_data"), unpack_bits(call.tensor("mask"), 1, math.prod(shape)).reshape(shape))


def sparse_to_dense(call: Call) -> Results:
    """iOS18: nonzero_data, in row-major order, where the mask is 1, else 0."""
    return _dense(call.tensor("nonzero_data"), call.tensor("mask"))


def blockwise_shift_scale(call: Call) -> Results:
    """iOS18: scale * (data - offset), by block."""
    return _shift_scale(call, call.tensor("data"))


def sparse_blockwise_shift_scale(call: Call) -> Results:
    """iOS18: the mask, and blockwise_shift_scale of the elements that it keeps."""
    mask = call.tensor("data_mask")
    return mask, _shift_scale(call, _dense(call.tensor("nonzero_data"), mask))[mask != 0]


def lut_to_dense(call: Call) -> Results:
    """iOS18: indices replaced by entries of their block's table; vectors are laid along vector_axis."""
    return _look_up(call, call.tensor("indices"))


def lut_to_sparse(call: Call) -> Results:
    """iOS18: the mask, stretched along vector_axis by the length of the vectors, and the elements that it keeps."""
    mask = call.tensor("indices_mask")
    dense = _look_up(call, _dense(call.tensor("indices_nonzero_data"), mask))
    if (length := call.tensor("lut").shape[-1]) > 1:
        mask = mask.repeat_interleave(length, dim=call.int("vector_axis"))
    return mask, dense[mask != 0]


def _dense(nonzero: Tensor, mask: Tensor) -> Tensor:
    """`nonzero` in row-major order where the mask is set, else 0."""
    # torch would take a single element for all of them.
    if (kept := int(mask.count_nonzero())) != nonzero.numel():
        raise ValueError(f"its mask keeps {kept:,} elements, found {nonzero.numel():,}")
    dense = nonzero.new_zeros(mask.shape)
    dense[mask != 0] = nonzero
    return dense


def _shift_scale(call: Call, data: Tensor) -> Tensor:
    scale, offset = call.tensor("scale"), call.maybe("offset")
    # (n0, b0, n1, b1, ...): the blocks along each axis, and the elements of a block.
    blocks = [part for size, count in zip(data.shape, scale.shape, strict=True) for part in (count, size // count)]
    by_block = [part for count in scale.shape for part in (count, 1)]
    shifted = data.to(scale.dtype).reshape(blocks)
    if offset is not None:
        shifted = shifted - offset.to(scale.dtype).reshape(by_block)
    return (shifted * scale.reshape(by_block)).reshape(data.shape)


def _look_up(call: Call, indices: Tensor) -> Tensor:
    """Entries for indices of rank k, from a lut (*tables, entries, length) whose first k axes are blocks."""
    import torch

    lut = call.tensor("lut")
    *counts, entries, length = lut.shape
    rows = indices.int()
    if (tables := math.prod(counts)) > 1:
        blocks = [part for size, count in zip(indices.shape, counts, strict=True) for part in (count, size // count)]
        table = torch.arange(tables, dtype=torch.int32).reshape([part for count in counts for part in (count, 1)])
        rows = rows + table.expand(blocks).reshape(indices.shape) * entries
    found = lut.reshape(-1, length)[rows]
    if length == 1:
        return found.squeeze(-1)
    axis = call.int("vector_axis") % indices.dim()
    return found.movedim(-1, axis + 1).flatten(axis, axis + 1)


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("constexpr_affine_dequantize", 6): affine_dequantize,
    ("constexpr_cast", 6): cast,
    ("constexpr_lut_to_dense", 6): lut_to_dense_flat,
    ("constexpr_sparse_to_dense", 6): sparse_to_dense_flat,
    ("constexpr_blockwise_shift_scale", 8): blockwise_shift_scale,
    ("constexpr_lut_to_dense", 8): lut_to_dense,
    ("constexpr_lut_to_sparse", 8): lut_to_sparse,
    ("constexpr_sparse_to_dense", 8): sparse_to_dense,
    ("constexpr_sparse_blockwise_shift_scale", 8): sparse_blockwise_shift_scale,
}
