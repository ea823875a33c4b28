"""Kernels that join, cut, fill, pad, sort and describe tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.dtypes import BY_NAME
from edgesmith_stages.mil.kernels.non_maximum_suppression import boxes_first, boxes_last
from edgesmith_stages.mil.room import broadcast, padded_shape, room

if TYPE_CHECKING:
    from torch import Tensor


def concat(call: Call) -> Results:
    """Tensors one after the other along an axis, scalars as vectors of one; interleaved, their elements take turns."""
    import torch

    values, axis = [value if value.ndim else value[None] for value in call.tensors()], call.int("axis")
    if not call.flag("interleave", False):
        return torch.cat(values, axis)
    axis %= values[0].ndim
    return torch.stack(values, axis + 1).flatten(axis, axis + 1)


def split(call: Call) -> Results:
    """x in parts along an axis: of `split_sizes`, or `num_splits` equal ones."""
    x, axis = call.tensor(), call.int("axis")
    if call.has("split_sizes"):
        return x.split(call.ints("split_sizes"), axis)
    return x.tensor_split(call.int("num_splits"), axis)


def stack(call: Call) -> Results:
    """Tensors one after the other along a new axis."""
    import torch

    return torch.stack(call.tensors(), call.int("axis"))


def tile(call: Call) -> Results:
    """x repeated reps[i] times along axis i."""
    x, reps = call.tensor(), call.ints("reps")
    room(call, [size * count for size, count in zip(x.shape, reps, strict=True)])
    return x.tile(reps)


PAD_MODES = ("constant", "reflect", "replicate")


def pad(call: Call) -> Results:
    """x with elements before and after its last axes: a constant, the mirror image without the edge, or the edge."""
    import torch
    import torch.nn.functional as F

    x, pads, mode = call.tensor(), call.ints("pad"), call.choice("mode", PAD_MODES, "constant")
    room(call, padded_shape(x, pads))
    sides = list(zip(pads[::2], pads[1::2], strict=True))
    if mode == "constant":
        return F.pad(x, [amount for side in reversed(sides) for amount in side], value=call.number("constant_val", 0.0))
    for axis, (before, after) in enumerate(sides, start=x.ndim - len(sides)):
        last = x.shape[axis] - 1
        places = torch.arange(-before, last + 1 + after)
        # torch pads so only the last axes, and of some ranks only.
        within = places.clamp(0, last) if mode == "replicate" else last - (last - places.abs()).abs()
        x = x.index_select(axis, within) if before or after else x
    return x


def fill(call: Call) -> Results:
    """A tensor of a shape, full of a value."""
    return full(call, call.ints("shape"))


def fill_like(call: Call) -> Results:
    """A tensor of another's shape, full of a value (iOS16)."""
    return full(call, list(call.tensor("ref_tensor").shape))


def full(call: Call, shape: list[int]) -> Tensor:
    """Input `value`, by default float 0, seen from everywhere in a shape."""
    import torch

    zero = torch.zeros((), dtype=call.held("fp32"))
    value: Tensor = call.arguments.get("value", zero)
    return value.expand(room(call, shape))


def one_hot(call: Call) -> Results:
    """A new axis with on_value at the index and off_value elsewhere; everywhere, if the index is out of bounds."""
    import torch

    indices, size = call.tensor("indices").long(), call.int("one_hot_vector_size")
    axis = call.int("axis", -1) % (indices.ndim + 1)
    room(call, [*indices.shape, size])
    hot = (indices[..., None] == torch.arange(size)).movedim(-1, axis)
    one, zero = torch.tensor([1, 0], dtype=torch.int32)
    return torch.where(hot, call.arguments.get("on_value", one), call.arguments.get("off_value", zero))


def range_1d(call: Call) -> Results:
    """start, start + step, ... before end."""
    import torch

    start, end, step = (call.tensor(name) for name in ("start", "end", "step"))
    length = max(0, math.ceil((end - start) / step))
    room(call, [length])
    if not start.is_floating_point():
        return torch.arange(int(start), int(end), int(step), dtype=start.dtype)
    return start + step * torch.arange(length, dtype=start.dtype)


def shape(call: Call) -> Results:
    """The sizes of x."""
    import torch

    return torch.tensor(call.tensor().shape, dtype=torch.int32)


def identity(call: Call) -> Results:
    """x."""
    return call.tensor()


def select(call: Call) -> Results:
    """a where cond, else b."""
    import torch

    cond, a, b = (call.tensor(name) for name in ("cond", "a", "b"))
    broadcast(call, cond, a, b)
    return torch.where(cond, a, b)


def non_zero(call: Call) -> Results:
    """Indices of the elements that are not 0, a row each."""
    return call.tensor().nonzero().int()


def band_part(call: Call) -> Results:
    """Matrices with zeros outside a band around the diagonal; a negative number of diagonals is all of them."""
    import torch

    x, lower, upper = call.tensor(), call.int("lower", -1), call.int("upper", -1)
    below = torch.arange(x.shape[-2])[:, None] - torch.arange(x.shape[-1])
    outside = ((below > lower) & (lower >= 0)) | ((-below > upper) & (upper >= 0))
    return x.masked_fill(outside, 0)


def cumsum(call: Call) -> Results:
    """Sums of the elements up to each one, without itself if exclusive; from the end if reverse."""
    import torch

    x, axis, reverse = call.tensor(), call.int("axis", 0), call.flag("reverse", False)
    x = x.flip(axis) if reverse else x
    if call.flag("exclusive", False):
        zero = torch.zeros_like(x.narrow(axis, 0, min(1, x.shape[axis])))
        x = torch.cat([zero, x], axis).narrow(axis, 0, x.shape[axis])
    sums = x.cumsum(axis).to(x.dtype)
    return sums.flip(axis) if reverse else sums


def argsort(call: Call) -> Results:
    """Indices of the elements in descending order; of equal ones, the first comes first."""
    _, indices = ordered(call)
    return indices.int()


def topk(call: Call) -> Results:
    """The k largest elements (smallest, if ascending) and their indices; of equal ones, the first. All if k is -1."""
    values, indices = ordered(call)
    axis, k = call.int("axis", -1), call.int("k", 1)
    k = values.shape[axis] if k == -1 else k
    top = values.narrow(axis, 0, k)
    if not call.flag("return_indices", True):
        return top
    return top, indices.narrow(axis, 0, k).to(call.held(call.choice("output_indices_dtype", BY_NAME, "int32")))


def ordered(call: Call) -> tuple[Tensor, Tensor]:
    """x sorted along an axis, and the indices that sort it. Always stable, so that ties are no matter of chance."""
    import torch

    descending = not call.flag("ascending", False)
    values, indices = torch.sort(call.tensor(), dim=call.int("axis", -1), descending=descending, stable=True)
    return values, indices


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("argsort", 5): argsort,
    ("band_part", 5): band_part,
    ("concat", 5): concat,
    ("cumsum", 5): cumsum,
    ("fill", 5): fill,
    ("fill_like", 6): fill_like,
    ("identity", 5): identity,
    ("non_maximum_suppression", 5): boxes_first,
    ("non_maximum_suppression", 7): boxes_last,
    ("non_zero", 5): non_zero,
    ("one_hot", 5): one_hot,
    ("pad", 5): pad,
    ("range_1d", 5): range_1d,
    ("select", 5): select,
    ("shape", 5): shape,
    ("split", 5): split,
    ("stack", 5): stack,
    ("tile", 5): tile,
    ("topk", 5): topk,
}
