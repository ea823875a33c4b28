"""Matrix products: linear, matmul, einsum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.kernels.precision import widened
from edgesmith_stages.mil.room import room

if TYPE_CHECKING:
    from torch import Tensor


def linear(call: Call) -> Results:
    """x (*d, d_in) @ weight.T (d_in, d_out) + bias, for floats and int32."""
    import torch

    x = widened(call.tensor("x"))
    weight, bias = call.tensor("weight").to(x.dtype), call.maybe("bias")
    room(call, [*x.shape[:-1], len(weight)])
    if x.is_floating_point():
        return torch.nn.functional.linear(x, weight, None if bias is None else bias.to(x.dtype))
    product = x @ weight.T
    return product if bias is None else product + bias.to(x.dtype)


def matmul(call: Call) -> Results:
    """x @ y with broadcast batch dimensions; a transpose of something 1-D does nothing."""
    import numpy as np
    import torch

    x, y = _transposed(call, "x"), _transposed(call, "y")
    if x.dim() > 1 < y.dim():
        room(call, [*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1]])
    dtype = torch.promote_types(x.dtype, y.dtype)
    return x.to(dtype) @ y.to(dtype)


def _transposed(call: Call, name: str) -> Tensor:
    x = widened(call.tensor(name))
    return x.transpose(-1, -2) if call.flag(f"transpose_{name}", False) and x.dim() > 1 else x


def einsum(call: Call) -> Results:
    """The product of `values` that `equation` names, such as nchw,nwhu->nchu; dimensions of size 1 are broadcast."""
    import torch

    values, equation = [widened(one) for one in call.tensors("values")], call.text("equation").replace(" ", "")
    terms, arrow, result = equation.partition("->")
    if not arrow or len(values) != 2 or [len(one) for one in terms.split(",")] != [one.dim() for one in values]:
        shapes = " and ".join(str(list(one.shape)) for one in values)
        raise ValueError(f"the equation {equation!r} does not fit tensors of the shapes {shapes}")
    sizes: dict[str, int] = {}
    for letter, size in zip(terms.replace(",", ""), (size for one in values for size in one.shape), strict=True):
        sizes[letter] = max(size, sizes.get(letter, 1))
    room(call, [sizes.get(letter, 1) for letter in result])
    return torch.einsum(equation, *values)


KERNELS: Mapping[tuple[str, int], Kernel] = {("linear", 5): linear, ("matmul", 5): matmul, ("einsum", 5): einsum}
