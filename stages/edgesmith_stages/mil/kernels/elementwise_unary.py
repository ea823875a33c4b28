"""Kernels of the elementwise operations of one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.dtypes import BY_NAME

if TYPE_CHECKING:
    from torch import Tensor

WIDTHS = {f"{sign}int{bits}": (sign == "", bits) for sign in ("", "u") for bits in (8, 16, 32)}
"""Whether an integer dtype is signed, and its bits."""


def torch_function(name: str) -> Kernel:
    """The kernel that is torch's function of this name, of input x."""

    def kernel(call: Call) -> Results:
        import torch

        return getattr(torch, name)(call.tensor())

    return kernel


def clip(call: Call) -> Results:
    """min(max(x, alpha), beta); beta where they are the wrong way round."""
    return call.tensor().clamp(call.number("alpha"), call.number("beta"))


def exp2(call: Call) -> Results:
    """2^x; int32 gives int32, fractions rounded to 0."""
    x = call.tensor()
    return x.exp2() if x.is_floating_point() else x.double().exp2().trunc().to(x.dtype)


def inverse(call: Call) -> Results:
    """1 / (x + epsilon)."""
    return (call.tensor() + epsilon(call, 1e-4)).reciprocal()


def log(call: Call) -> Results:
    """ln(x + epsilon)."""
    return (call.tensor() + epsilon(call, 1e-45)).log()


def rsqrt(call: Call) -> Results:
    """1 / sqrt(x + epsilon)."""
    return (call.tensor() + epsilon(call, 1e-12)).rsqrt()


def epsilon(call: Call, default: float) -> float:
    """The given epsilon, or the default in the declared dtype: 1e-12 and 1e-45 are 0 in fp16."""
    import torch

    dtype = {"fp16": torch.float16, "fp32": torch.float32}.get(call.output.dtype, torch.float64)
    return call.number("epsilon", torch.tensor(default, dtype=dtype).item())


def threshold(call: Call) -> Results:
    """max(x, alpha)."""
    return call.tensor().clamp(min=call.tensor("alpha"))


def cast(call: Call) -> Results:
    """x in another dtype: floats to integers towards zero, saturating, NaN to 0; integers to narrower ones wrap."""
    x, dtype = call.tensor(), call.choice("dtype", BY_NAME)
    if dtype not in WIDTHS:
        return x.to(call.held(dtype))  # True where x != 0, if to bool
    signed, bits = WIDTHS[dtype]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return (saturate if x.is_floating_point() else wrap)(x, low, high).to(call.held(dtype))


def saturate(x: Tensor, low: int, high: int) -> Tensor:
    """Floats as whole numbers within bounds. In float64, since 2^31 - 1 is not a float32."""
    return x.double().nan_to_num(nan=0.0, posinf=high, neginf=low).trunc().clamp(low, high).long()


def wrap(x: Tensor, low: int, high: int) -> Tensor:
    """Integers modulo 2^bits, as C and numpy narrow them."""
    return (x.long() - low).remainder(high - low + 1) + low


SAME_IN_TORCH = [
    "abs",
    "acos",
    "asin",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "exp",
    "floor",
    "logical_not",
    "round",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
]
"""Operations that torch has under the same name. `round` takes halves to even, in torch as in MIL."""

KERNELS: Mapping[tuple[str, int], Kernel] = {(name, 5): torch_function(name) for name in SAME_IN_TORCH} | {
    ("cast", 5): cast,
    ("clip", 5): clip,
    ("exp2", 5): exp2,
    ("inverse", 5): inverse,
    ("log", 5): log,
    ("rsqrt", 5): rsqrt,
    ("threshold", 5): threshold,
}
