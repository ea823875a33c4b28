"""Normalisations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.kernels.precision import widened

if TYPE_CHECKING:
    from torch import Tensor


def batch_norm(call: Call) -> Results:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, by channel (axis 1)."""
    import torch

    x = widened(call.tensor("x"))
    given = [call.maybe(name) for name in ("mean", "variance", "gamma", "beta")]
    mean, variance, gamma, beta = (None if one is None else one.to(x.dtype) for one in given)
    return torch.nn.functional.batch_norm(x, mean, variance, gamma, beta, eps=call.number("epsilon", 1e-5))


def instance_norm(call: Call) -> Results:
    """Each channel of each sample normalised over its spatial dimensions."""
    x = widened(call.tensor("x"))
    return _normalised(call, x, range(2, x.dim()), [1])


def layer_norm(call: Call) -> Results:
    """Normalised over `axes`, by default all; gamma and beta have the shape of these axes, in x's order."""
    import torch

    x = widened(call.tensor("x"))
    axes = sorted(axis % x.dim() for axis in call.ints("axes", list(range(x.dim()))))
    if axes and axes == list(range(axes[0], x.dim())):
        gamma, beta = (None if one is None else one.to(x.dtype) for one in (call.maybe("gamma"), call.maybe("beta")))
        return torch.nn.functional.layer_norm(x, x.shape[axes[0] :], gamma, beta, call.number("epsilon", 1e-5))
    return _normalised(call, x, axes, axes)


def _normalised(call: Call, x: Tensor, over: Sequence[int], affine: Sequence[int]) -> Tensor:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta: moments over some axes, gamma and beta along others."""
    import torch

    variance, mean = torch.var_mean(x, dim=list(over), correction=0, keepdim=True)
    y = (x - mean) / torch.sqrt(variance + call.number("epsilon", 1e-5))
    shape = [size if axis in affine else 1 for axis, size in enumerate(x.shape)]
    if call.has("gamma"):
        y = y * call.tensor("gamma").to(y.dtype).reshape(shape)
    return y + call.tensor("beta").to(y.dtype).reshape(shape) if call.has("beta") else y


def l2_norm(call: Call) -> Results:
    """x / sqrt(sum(x**2) + epsilon) over the last three dimensions."""
    x = widened(call.tensor("x"))
    return x / (x.square().sum(dim=(-3, -2, -1), keepdim=True) + call.number("epsilon", 1e-6)).sqrt()


def local_response_norm(call: Call) -> Results:
    """x / (k + alpha / size * sum(x**2))**beta over `size` channels around; of an even size, one more before."""
    import torch

    x, size = widened(call.tensor("x")), call.int("size")
    alpha, beta, k = call.number("alpha", 1e-4), call.number("beta", 0.75), call.number("k", 1.0)
    return torch.nn.functional.local_response_norm(x, size, alpha, beta, k)


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("batch_norm", 5): batch_norm,
    ("instance_norm", 5): instance_norm,
    ("l2_norm", 5): l2_norm,
    ("layer_norm", 5): layer_norm,
    ("local_response_norm", 5): local_response_norm,
}
