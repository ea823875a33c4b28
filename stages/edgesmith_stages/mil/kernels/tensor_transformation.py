"""Kernels that move elements without changing them: shapes, slices, blocks and windows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from edgesmith import UserError
from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.room import padded_shape, room


def reshape(call: Call) -> Results:
    """x in another shape: -1 is what is left, 0 the size of the same axis, if the rank stays the same."""
    x, shape = call.tensor(), call.ints("shape")
    if 0 in shape and len(shape) != x.ndim:
        raise UserError(
            f"reshape {call.name}: shape {shape} has a 0 and another rank than x, {list(x.shape)}",
            hint="before iOS17, 0 means the size of the same axis, and needs the same rank",
        )
    return x.reshape([size or x.shape[axis] for axis, size in enumerate(shape)])


def reshape_aligned_right(call: Call) -> Results:
    """As `reshape`, but 0 is the size of the axis that is as far from the last; 1 where x has none (iOS17)."""
    x, shape = call.tensor(), call.ints("shape")
    sizes = [1] * max(0, len(shape) - x.ndim) + list(x.shape)[max(0, x.ndim - len(shape)) :]
    return x.reshape([size or same for size, same in zip(shape, sizes, strict=True)])


def reshape_like(call: Call) -> Results:
    """x in the shape that parts of other tensors' shapes make, one after the other."""
    shape: list[int] = []
    parts = zip(*(call.tensors(name) for name in ("ref_tensors", "begins", "ends", "end_masks")), strict=True)
    for tensor, begin, end, to_the_end in parts:
        shape += tensor.shape[int(begin) : None if to_the_end else int(end)]
    return call.tensor().reshape(shape)


def flatten2d(call: Call) -> Results:
    """x as a matrix: axes before `axis` are its rows, the others its columns."""
    x, axis = call.tensor(), call.int("axis", 1)
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def expand_dims(call: Call) -> Results:
    """x with new axes of size 1; `axes` count in the result."""
    x, axes = call.tensor(), call.ints("axes")
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def squeeze(call: Call) -> Results:
    """x without axes of size 1: those among `axes`, or all."""
    x = call.tensor()
    return x.squeeze(tuple(call.ints("axes"))) if call.has("axes") else x.squeeze()


def transpose(call: Call) -> Results:
    """x with its axes in the order `perm`."""
    return call.tensor().permute(call.ints("perm"))


def reverse(call: Call) -> Results:
    """x backwards along `axes`, by default all."""
    x = call.tensor()
    return x.flip(call.ints("axes", range(x.ndim)))


def reverse_sequence(call: Call) -> Results:
    """The first lengths[i] elements along seq_axis backwards, for each i of batch_axis."""
    import torch

    x, lengths = call.tensor(), call.tensor("lengths").long()[:, None]
    axes = call.int("batch_axis", 0), call.int("seq_axis", 0)
    batch = x.movedim(axes, (0, 1))
    places = torch.arange(batch.shape[1])
    order = torch.where(places < lengths, lengths - 1 - places, places)
    return batch[torch.arange(batch.shape[0])[:, None], order].movedim((0, 1), axes)


def slice_by_index(call: Call) -> Results:
    """x[begin:end:stride] as in numpy; masked ends are left open, squeezed axes indexed at begin."""
    x = call.tensor()
    forward, backwards = slices(call)
    squeezed = [axis for axis, mask in enumerate(call.flags("squeeze_mask", ())) if mask]
    return x[forward].flip(backwards).squeeze(squeezed)


def slice_update(call: Call) -> Results:
    """A copy of x in which the slice that `slice_by_index` would give is `update` (iOS18)."""
    result = call.tensor().clone()
    forward, backwards = slices(call)
    part = result[forward]
    part.copy_(call.tensor("update").reshape(part.shape).flip(backwards))
    return result


def slices(call: Call) -> tuple[tuple[slice, ...], list[int]]:
    """What to take of each axis, in ascending order since torch has no negative steps, and the axes then to flip."""
    shape = call.tensor().shape
    none = [False] * len(shape)
    bounds = zip(call.ints("begin"), call.ints("end"), call.ints("stride", [1] * len(shape)), strict=True)
    masks = zip(*(call.flags(f"{name}_mask", none) for name in ("begin", "end", "squeeze")), strict=True)
    forward, backwards = [], []
    for axis, ((begin, end, step), (from_start, to_end, one)) in enumerate(zip(bounds, masks, strict=True)):
        places = range(shape[axis])
        if one:
            index = places[0 if from_start else begin]
            taken = range(index, index + 1)
        else:
            taken = places[None if from_start else begin : None if to_end else end : step]
            if step < 0:
                taken = taken[::-1]
                backwards.append(axis)
        forward.append(slice(taken.start, max(taken.start, taken.stop), taken.step))
    return tuple(forward), backwards


def slice_by_size(call: Call) -> Results:
    """x[begin : begin + size]; -1 is to the end."""
    x = call.tensor()
    for axis, (begin, size) in enumerate(zip(call.ints("begin"), call.ints("size"), strict=True)):
        start = begin + x.shape[axis] if begin < 0 else begin
        x = x.narrow(axis, start, x.shape[axis] - start if size == -1 else size)
    return x


def depth_to_space(call: Call) -> Results:
    """Channels into blocks of pixels; a channel's index is (row, column, channel), unlike pixel_shuffle's."""
    x, b = call.tensor(), call.int("block_size")
    n, c, h, w = x.shape
    return x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)


def space_to_depth(call: Call) -> Results:
    """Blocks of pixels into channels: the reverse of depth_to_space."""
    x, b = call.tensor(), call.int("block_size")
    n, c, h, w = x.shape
    return x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)


def pixel_shuffle(call: Call) -> Results:
    """Channels into blocks of pixels; a channel's index is (channel, row, column)."""
    import torch

    return torch.pixel_shuffle(call.tensor(), call.int("upscale_factor"))


def pixel_unshuffle(call: Call) -> Results:
    """Blocks of pixels into channels: the reverse of pixel_shuffle (iOS16)."""
    import torch

    return torch.pixel_unshuffle(call.tensor(), call.int("downscale_factor"))


def space_to_batch(call: Call) -> Results:
    """Pads with zeros, then blocks of pixels into the batch, whose index is (row, column, image)."""
    import torch.nn.functional as F

    (top, bottom), (left, right) = pairs(call, "paddings")
    x = call.tensor()
    room(call, padded_shape(x, (top, bottom, left, right)))  # as many elements as the result
    x = F.pad(x, (left, right, top, bottom))
    (n, c, h, w), (a, b) = x.shape, call.ints("block_shape")
    return x.reshape(n, c, h // a, a, w // b, b).permute(3, 5, 0, 1, 2, 4).reshape(n * a * b, c, h // a, w // b)


def batch_to_space(call: Call) -> Results:
    """The batch into blocks of pixels, then crops: the reverse of space_to_batch."""
    x, ((top, bottom), (left, right)) = call.tensor(), pairs(call, "crops")
    (n, c, h, w), (a, b) = x.shape, call.ints("block_shape")
    image = x.reshape(a, b, n // (a * b), c, h, w).permute(2, 3, 4, 0, 5, 1).reshape(n // (a * b), c, h * a, w * b)
    return image[:, :, top : h * a - bottom, left : w * b - right]


def pairs(call: Call, name: str) -> Sequence[tuple[int, int]]:
    """A 2x2 tensor: before and after, of rows and of columns."""
    return [(int(before), int(after)) for before, after in call.tensor(name).tolist()]


def sliding_windows(call: Call) -> Results:
    """All windows along an axis, `stride` apart; their elements are a new axis behind it."""
    x = call.tensor()
    axis = call.int("axis") % x.ndim
    windows = x.unfold(axis, call.int("size"), call.int("stride", 1)).movedim(-1, axis + 1)
    room(call, windows.shape)
    return windows


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("batch_to_space", 5): batch_to_space,
    ("depth_to_space", 5): depth_to_space,
    ("expand_dims", 5): expand_dims,
    ("flatten2d", 5): flatten2d,
    ("pixel_shuffle", 5): pixel_shuffle,
    ("pixel_unshuffle", 6): pixel_unshuffle,
    ("reshape", 5): reshape,
    ("reshape", 7): reshape_aligned_right,
    ("reshape_like", 6): reshape_like,
    ("reverse", 5): reverse,
    ("reverse_sequence", 5): reverse_sequence,
    ("slice_by_index", 5): slice_by_index,
    ("slice_by_size", 5): slice_by_size,
    ("slice_update", 8): slice_update,
    ("sliding_windows", 5): sliding_windows,
    ("space_to_batch", 5): space_to_batch,
    ("space_to_depth", 5): space_to_depth,
    ("squeeze", 5): squeeze,
    ("transpose", 5): transpose,
}
