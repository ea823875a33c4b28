"""Kernels of the elementwise operations of two tensors; shapes broadcast as in numpy."""

from __future__ import annotations

from collections.abc import Mapping

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.room import broadcast


def torch_function(name: str) -> Kernel:
    """The kernel that is torch's function of this name, of inputs x and y."""

    def kernel(call: Call) -> Results:
        import torch

        x, y = call.tensor(), call.tensor("y")
        broadcast(call, x, y)
        return getattr(torch, name)(x, y)

    return kernel


def real_div(call: Call) -> Results:
    """x / y; of integers, the quotient towards zero, since the result is declared int32."""
    x, y = call.tensor(), call.tensor("y")
    broadcast(call, x, y)
    return x.div(y, rounding_mode=None if x.is_floating_point() or y.is_floating_point() else "trunc")


IN_TORCH = {
    "add": "add",
    "equal": "eq",
    "floor_div": "floor_divide",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "logical_and": "logical_and",
    "logical_or": "logical_or",
    "logical_xor": "logical_xor",
    "maximum": "maximum",
    "minimum": "minimum",
    "mod": "remainder",
    "mul": "mul",
    "not_equal": "ne",
    "pow": "pow",
    "sub": "sub",
}
"""Operations by torch's name. `remainder` takes y's sign, as MIL's mod does; maximum and minimum pass NaN on."""

KERNELS: Mapping[tuple[str, int], Kernel] = {(name, 5): torch_function(found) for name, found in IN_TORCH.items()} | {
    ("real_div", 5): real_div,
}
