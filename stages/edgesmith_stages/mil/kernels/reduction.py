"""Kernels that reduce axes. Of integers, means, norms and logarithms are computed in float64 and cut to integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.dtypes import BY_NAME

if TYPE_CHECKING:
    from torch import Tensor

Reduction: TypeAlias = "Callable[[Tensor, list[int], bool], Tensor]"
"""Of a tensor, at least one axis and whether to keep them as ones."""


def over_axes(reduce: Reduction, *, integers: bool = True) -> Kernel:
    """The kernel that reduces `axes`, all by default, with a function; `integers` says whether it can take any."""

    def kernel(call: Call) -> Results:
        given = call.tensor()
        axes, keep = call.ints("axes", range(given.ndim)), call.flag("keep_dims", False)
        x = given if integers or given.is_floating_point() else given.double()
        if axes:
            return reduce(x, axes, keep).to(given.dtype)
        return reduce(x.unsqueeze(0), [0], False).to(given.dtype)  # torch reads no axes as all axes

    return kernel


def torch_function(name: str, **options: Any) -> Reduction:
    """torch's reduction of this name."""

    def reduce(x: Tensor, axes: list[int], keep: bool) -> Tensor:
        import torch

        return getattr(torch, name)(x, dim=axes, keepdim=keep, **options)

    return reduce


def l2_norm(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    """sqrt(sum(x^2))."""
    import torch

    return torch.linalg.vector_norm(x, dim=axes, keepdim=keep)


def product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The product; torch's takes one axis at a time."""
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def log_sum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    """ln(sum(x))."""
    return x.sum(axes, keepdim=keep).log()


def index_of(name: str) -> Kernel:
    """The kernel that is torch's argmax or argmin: the first index of ties, int32 or what output_dtype (iOS17) says."""

    def kernel(call: Call) -> Results:
        import torch

        found = getattr(torch, name)(call.tensor(), call.int("axis", -1), keepdim=call.flag("keep_dims", False))
        return found.to(call.held(call.choice("output_dtype", BY_NAME, "int32", lower=True)))

    return kernel


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("reduce_argmax", 5): index_of("argmax"),
    ("reduce_argmin", 5): index_of("argmin"),
    ("reduce_l1_norm", 5): over_axes(lambda x, axes, keep: x.abs().sum(axes, keepdim=keep)),
    ("reduce_l2_norm", 5): over_axes(l2_norm, integers=False),
    ("reduce_log_sum", 5): over_axes(log_sum, integers=False),
    ("reduce_log_sum_exp", 5): over_axes(torch_function("logsumexp"), integers=False),
    ("reduce_max", 5): over_axes(torch_function("amax")),
    ("reduce_mean", 5): over_axes(torch_function("mean"), integers=False),
    ("reduce_min", 5): over_axes(torch_function("amin")),
    ("reduce_prod", 5): over_axes(product),
    ("reduce_sum", 5): over_axes(torch_function("sum")),
    ("reduce_sum_square", 5): over_axes(lambda x, axes, keep: x.square().sum(axes, keepdim=keep)),
}
