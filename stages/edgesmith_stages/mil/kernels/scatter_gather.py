"""Kernels that read and write elements at given indices.

Up to iOS16 a negative index counts from the end. Since iOS17 none may be negative: `validate_indices` makes an index
out of bounds an error; without it, results for such indices are undefined, but safe. Here they are then what they were
in iOS16, or the nearest valid index, so that results don't depend on chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from edgesmith import UserError
from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.room import room

if TYPE_CHECKING:
    from torch import Tensor

Rule: TypeAlias = "Callable[[Call, Tensor, Tensor], Tensor]"
"""Makes indices valid, given the size of the axis that each is of, or the sizes by the last axis; int64."""


def from_the_end(call: Call, indices: Tensor, sizes: Tensor) -> Tensor:
    """The rule up to iOS16: negative indices count from the end; others out of bounds are an error."""
    import torch

    reject(call, indices, (indices < -sizes) | (indices >= sizes), sizes)
    return torch.where(indices < 0, indices + sizes, indices)


def validated_or_undefined(call: Call, indices: Tensor, sizes: Tensor) -> Tensor:
    """The rule since iOS17: an error if validate_indices, else from the end, then the nearest."""
    import torch

    if call.flag("validate_indices", False):
        reject(call, indices, (indices < 0) | (indices >= sizes), sizes)
    return torch.where(indices < 0, indices + sizes, indices).clamp(torch.zeros_like(sizes), sizes - 1)


def reject(call: Call, indices: Tensor, invalid: Tensor, sizes: Tensor) -> None:
    """Raises UserError if any index is invalid."""
    if invalid.any():
        raise UserError(
            f"{call.type} {call.name}: index {indices[invalid][0]} is out of bounds; sizes there: {sizes.tolist()}",
            hint="the indices are computed by the model: look at what is made of its inputs before this operation",
        )


def along(call: Call, rule: Rule, axis: int, data: Tensor) -> Tensor:
    """Input `indices`, valid along an axis of `data`."""
    import torch

    return rule(call, call.tensor("indices").long(), torch.tensor(data.shape[axis]))


def gather(call: Call, rule: Rule) -> Results:
    """x[..., indices, ...] at an axis; after batch_dims axes (iOS16) that x and indices share."""
    import torch

    x, batch = call.tensor(), call.int("batch_dims", 0)
    axis = call.int("axis", 0) % x.ndim
    indices = along(call, rule, axis, x)
    shape = [*x.shape[:axis], *indices.shape[batch:], *x.shape[axis + 1 :]]
    room(call, shape)
    rows = math.prod(x.shape[:batch])
    flat = x.reshape(rows, math.prod(x.shape[batch:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
    chosen = flat.movedim(2, 1)[torch.arange(rows)[:, None], indices.reshape(rows, math.prod(indices.shape[batch:]))]
    return chosen.movedim(1, 2).reshape(shape)


def gather_along_axis(call: Call, rule: Rule) -> Results:
    """As numpy.take_along_axis."""
    x, axis = call.tensor(), call.int("axis", 0)
    return x.take_along_dim(along(call, rule, axis, x), axis)


def gather_nd(call: Call, rule: Rule) -> Results:
    """x[i, j, ...] for each row (i, j, ...) in the last axis of indices; batch_dims (iOS16) as in `gather`."""
    import torch

    x, batch = call.tensor(), call.int("batch_dims", 0)
    indices = call.tensor("indices").long()
    depth, rows = indices.shape[-1], math.prod(x.shape[:batch])
    room(call, [*indices.shape[:-1], *x.shape[batch + depth :]])
    valid = rule(call, indices, torch.tensor(x.shape[batch : batch + depth], dtype=torch.int64))
    flat = valid.reshape(rows, math.prod(indices.shape[batch:-1]), depth)
    row = torch.arange(rows)[:, None].expand(flat.shape[:2])
    chosen = x.reshape(rows, *x.shape[batch:])[(row, *flat.unbind(-1))]
    return chosen.reshape([*indices.shape[:-1], *x.shape[batch + depth :]])


def scatter(call: Call, rule: Rule) -> Results:
    """data with updates merged in at indices of an axis."""
    data, axis = call.tensor("data"), call.int("axis", 0) % call.tensor("data").ndim
    indices, updates = along(call, rule, axis, data), call.tensor("updates")
    everywhere = indices.reshape(-1, *[1] * (data.ndim - axis - 1)).expand_as(updates)
    return merge(call, data, axis, everywhere, updates)


def scatter_along_axis(call: Call, rule: Rule) -> Results:
    """data with updates merged in at indices along an axis; indices and updates have one shape."""
    data, axis = call.tensor("data"), call.int("axis", 0)
    return merge(call, data, axis, along(call, rule, axis, data), call.tensor("updates"))


def scatter_nd(call: Call, rule: Rule) -> Results:
    """data with updates merged in at [i, j, ...] for each row (i, j, ...) in the last axis of indices."""
    import torch

    data, indices = call.tensor("data"), call.tensor("indices").long()
    sizes = data.shape[: indices.shape[-1]]
    valid = rule(call, indices, torch.tensor(sizes, dtype=torch.int64))
    strides = torch.tensor([math.prod(sizes[axis + 1 :]) for axis in range(len(sizes))], dtype=torch.int64)
    place, width = (valid * strides).sum(-1).reshape(-1, 1), math.prod(data.shape[len(sizes) :])
    updates = call.tensor("updates").reshape(len(place), width)
    rows = data.reshape(math.prod(sizes), width)
    return merge(call, rows, 0, place.expand_as(updates), updates).reshape(data.shape)


REDUCTIONS = {"add": "sum", "sub": "sum", "mul": "prod", "div": "prod", "max": "amax", "min": "amin"}
"""torch's reduction for each mode; what is subtracted is summed first, and what divides multiplied."""


def merge(call: Call, data: Tensor, axis: int, indices: Tensor, updates: Tensor) -> Tensor:
    """A copy of data changed at indices along an axis as `mode` says, by default added to; the last update stays."""
    mode = call.choice("mode", (*REDUCTIONS, "update"), "add")
    if mode == "update":
        return data.scatter(axis, indices, updates)
    if mode == "sub":
        updates = -updates
    if mode != "div":
        return data.scatter_reduce(axis, indices, updates, REDUCTIONS[mode])
    divisor = data.new_ones(data.shape).scatter_reduce(axis, indices, updates, "prod")
    return data.div(divisor, rounding_mode=None if data.is_floating_point() else "trunc")


KERNELS: Mapping[tuple[str, int], Kernel] = {
    (kernel.__name__, opset): partial(kernel, rule=rule)
    for kernel in (gather, gather_along_axis, gather_nd, scatter, scatter_along_axis, scatter_nd)
    for opset, rule in ((5, from_the_end), (7, validated_or_undefined))
}
