"""Kernels of the random operations: deterministic. Core ML's own generators are not documented.

The same program gives the same numbers in each run and each mode: a generator starts from the operation's seed, or
where that is negative or missing (Core ML: another result each time), from the operation's name.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.room import room

if TYPE_CHECKING:
    from torch import Generator, Tensor


def generator(call: Call) -> Generator:
    """A generator for one operation."""
    import torch

    seed = call.int("seed", -1)
    return torch.Generator().manual_seed(seed if seed >= 0 else zlib.crc32(call.name.encode()))


def uniform(call: Call) -> Tensor:
    """Numbers in [0, 1), of shape `shape`, float64."""
    import torch

    return torch.rand(room(call, call.ints("shape")), generator=generator(call), dtype=torch.float64)


def random_bernoulli(call: Call) -> Results:
    """1 with probability prob, else 0."""
    return (uniform(call) < call.number("prob", 0.5)).to(call.held("fp32"))


def random_categorical(call: Call) -> Results:
    """`size` classes drawn with replacement, for each row of logits or probabilities in the last axis."""
    import torch

    x, size = call.tensor().double(), call.int("size", 1)
    room(call, [*x.shape[:-1], size])
    weights = x if call.choice("mode", ("logits", "probs"), "logits") == "probs" else x.softmax(-1)
    drawn = torch.multinomial(weights.reshape(-1, x.shape[-1]), size, replacement=True, generator=generator(call))
    return drawn.reshape(*x.shape[:-1], size).to(call.held("fp32"))


def random_normal(call: Call) -> Results:
    """Normally distributed numbers."""
    import torch

    numbers = torch.randn(room(call, call.ints("shape")), generator=generator(call), dtype=torch.float64)
    return (call.number("mean", 0.0) + call.number("stddev", 1.0) * numbers).to(call.held("fp32"))


def random_uniform(call: Call) -> Results:
    """Numbers in [low, high), each as probable."""
    low, high = call.number("low", 0.0), call.number("high", 1.0)
    return (low + (high - low) * uniform(call)).to(call.held("fp32"))


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("random_bernoulli", 5): random_bernoulli,
    ("random_categorical", 5): random_categorical,
    ("random_normal", 5): random_normal,
    ("random_uniform", 5): random_uniform,
}
