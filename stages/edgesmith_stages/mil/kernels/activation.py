"""Kernels of the activation functions. Since iOS17 alpha and beta may be declared in another dtype than x."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Kernel, Results

if TYPE_CHECKING:
    from torch import Tensor


def clamped_relu(call: Call) -> Results:
    """min(beta, x) where x >= 0, else min(beta, alpha x)."""
    import torch.nn.functional as F

    return F.leaky_relu(call.tensor(), call.number("alpha")).clamp(max=call.number("beta"))


def elu(call: Call) -> Results:
    """x where x > 0, else alpha (e^x - 1)."""
    import torch.nn.functional as F

    return F.elu(call.tensor(), call.number("alpha"))


GELU_MODES = ("EXACT", "SIGMOID_APPROXIMATION", "TANH_APPROXIMATION")


def gelu(call: Call) -> Results:
    """x P(N(0, 1) <= x), or one of its two approximations."""
    import torch.nn.functional as F

    x, mode = call.tensor(), call.choice("mode", GELU_MODES, "EXACT")
    if mode == "SIGMOID_APPROXIMATION":
        return x * (1.702 * x).sigmoid()
    return F.gelu(x, approximate="tanh" if mode == "TANH_APPROXIMATION" else "none")


def leaky_relu(call: Call) -> Results:
    """x where x >= 0, else alpha x."""
    import torch.nn.functional as F

    return F.leaky_relu(call.tensor(), call.number("alpha"))


def linear_activation(call: Call) -> Results:
    """alpha x + beta."""
    return call.tensor() * call.number("alpha") + call.number("beta")


def prelu(call: Call) -> Results:
    """x where x > 0, else alpha x, with one alpha a channel."""
    import torch.nn.functional as F

    return F.prelu(call.tensor(), call.tensor("alpha"))


def relu(call: Call) -> Results:
    """max(x, 0)."""
    return call.tensor().relu()


def relu6(call: Call) -> Results:
    """min(max(x, 0), 6)."""
    return call.tensor().clamp(0, 6)


def scaled_tanh(call: Call) -> Results:
    """alpha tanh(beta x)."""
    return call.number("alpha") * (call.number("beta") * call.tensor()).tanh()


def sigmoid(call: Call) -> Results:
    """1 / (1 + e^-x)."""
    return call.tensor().sigmoid()


def sigmoid_hard(call: Call) -> Results:
    """min(max(alpha x + beta, 0), 1)."""
    return (call.tensor() * call.number("alpha") + call.number("beta")).clamp(0, 1)


def silu(call: Call) -> Results:
    """x / (1 + e^-x)."""
    import torch.nn.functional as F

    return F.silu(call.tensor())


def softmax(call: Call) -> Results:
    """e^x over its sum along an axis."""
    return call.tensor().softmax(call.int("axis", -1))


def softplus(call: Call) -> Results:
    """ln(1 + e^x)."""
    return log_one_plus_exp(call.tensor())


def softplus_parametric(call: Call) -> Results:
    """alpha ln(1 + e^(beta x)), with one alpha and beta a channel."""
    x = call.tensor()
    shape = (1, -1, *[1] * (x.ndim - 2))
    return call.tensor("alpha").reshape(shape) * log_one_plus_exp(call.tensor("beta").reshape(shape) * x)


def log_one_plus_exp(x: Tensor) -> Tensor:
    """ln(1 + e^x) without overflow, and without torch's linear part above 20, which is too coarse for float64."""
    return x.relu() + (-x.abs()).exp().log1p()


def softsign(call: Call) -> Results:
    """x / (1 + |x|)."""
    x = call.tensor()
    return x / (1 + x.abs())


def thresholded_relu(call: Call) -> Results:
    """x where x >= alpha, else 0."""
    import torch

    x = call.tensor()
    return torch.where(x >= call.number("alpha"), x, 0)


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("clamped_relu", 5): clamped_relu,
    ("elu", 5): elu,
    ("gelu", 5): gelu,
    ("leaky_relu", 5): leaky_relu,
    ("linear_activation", 5): linear_activation,
    ("prelu", 5): prelu,
    ("relu", 5): relu,
    ("relu6", 5): relu6,
    ("scaled_tanh", 5): scaled_tanh,
    ("sigmoid", 5): sigmoid,
    ("sigmoid_hard", 5): sigmoid_hard,
    ("silu", 5): silu,
    ("softmax", 5): softmax,
    ("softplus", 5): softplus,
    ("softplus_parametric", 5): softplus_parametric,
    ("softsign", 5): softsign,
    ("thresholded_relu", 5): thresholded_relu,
}
