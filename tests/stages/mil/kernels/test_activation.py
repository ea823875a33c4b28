"""Activation functions, against their formulas in numpy and scipy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch

from edgesmith import UserError
from edgesmith_stages.mil.kernels.activation import KERNELS

from .calls import run

ALPHA, BETA = {"alpha": 0.25}, {"alpha": 0.25, "beta": 0.5}
EACH = {"alpha": [0.5, -1.0, 2.0]}
BOTH = EACH | {"beta": [1.0, 0.3, -2.0]}


def by_channel(values: list[float]) -> np.ndarray:
    return np.array(values)[None, :, None, None]


ORACLES: dict[str, tuple[dict[str, Any], Callable[[np.ndarray], Any]]] = {
    "clamped_relu": (BETA, lambda x: np.minimum(0.5, np.where(x >= 0, x, 0.25 * x))),
    "elu": (ALPHA, lambda x: np.where(x > 0, x, 0.25 * np.expm1(x))),
    "gelu": ({}, lambda x: x * scipy.special.ndtr(x)),
    "leaky_relu": (ALPHA, lambda x: np.where(x >= 0, x, 0.25 * x)),
    "linear_activation": (BETA, lambda x: 0.25 * x + 0.5),
    "prelu": (EACH, lambda x: np.where(x > 0, x, by_channel(EACH["alpha"]) * x)),
    "relu": ({}, lambda x: np.maximum(x, 0)),
    "relu6": ({}, lambda x: np.clip(x, 0, 6)),
    "scaled_tanh": (BETA, lambda x: 0.25 * np.tanh(0.5 * x)),
    "sigmoid": ({}, scipy.special.expit),
    "sigmoid_hard": (BETA, lambda x: np.clip(0.25 * x + 0.5, 0, 1)),
    "silu": ({}, lambda x: x * scipy.special.expit(x)),
    "softmax": ({"axis": 1}, lambda x: scipy.special.softmax(x, 1)),
    "softplus": ({}, lambda x: np.logaddexp(0, x)),
    "softplus_parametric": (
        BOTH,
        lambda x: by_channel(EACH["alpha"]) * np.logaddexp(0, by_channel(BOTH["beta"]) * x),
    ),
    "softsign": ({}, lambda x: x / (1 + np.abs(x))),
    "thresholded_relu": (ALPHA, lambda x: x * (x >= 0.25)),
}
TOLERANCES = {torch.float64: 1e-12, torch.float32: 3e-6, torch.float16: 1e-2}


@pytest.mark.parametrize("compute", TOLERANCES, ids=str)
@pytest.mark.parametrize("name", ORACLES)
def test_it_equals_its_formula_in_every_mode(name: str, compute: torch.dtype) -> None:
    arguments, oracle = ORACLES[name]
    x = torch.from_numpy(np.random.default_rng(0).normal(0, 4, (2, 3, 4, 5))).to(compute)
    found = run(KERNELS[name, 5], x=x, compute=compute, **arguments)
    assert found.dtype == compute
    expected = torch.from_numpy(oracle(x.double().numpy()))
    torch.testing.assert_close(found.double(), expected, rtol=TOLERANCES[compute], atol=TOLERANCES[compute])


def test_every_activation_is_tested() -> None:
    assert {name for name, _ in KERNELS} == set(ORACLES)


def test_gelu_approximations() -> None:
    x = np.linspace(-4, 4, 50)
    by_tanh = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    found = run(KERNELS["gelu", 5], x=x, mode="TANH_APPROXIMATION")
    torch.testing.assert_close(found.double(), torch.from_numpy(by_tanh), rtol=1e-5, atol=1e-6)
    found = run(KERNELS["gelu", 5], x=x, mode="SIGMOID_APPROXIMATION")
    by_sigmoid = x * scipy.special.expit(1.702 * x)
    torch.testing.assert_close(found.double(), torch.from_numpy(by_sigmoid), rtol=1e-5, atol=1e-6)


def test_softmax_is_over_the_last_axis_by_default() -> None:
    torch.testing.assert_close(run(KERNELS["softmax", 5], x=np.ones((2, 4))), torch.full((2, 4), 0.25))


def test_softplus_does_not_overflow() -> None:
    assert run(KERNELS["softplus", 5], x=[-200.0, 0.0, 200.0]).tolist() == [0, pytest.approx(np.log(2)), 200]


@pytest.mark.parametrize("shape", [(2, 1, 4), (2, 1, 3, 4, 5)])
def test_prelu_takes_other_ranks(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(run(KERNELS["prelu", 5], x=x, alpha=[0.1]), torch.where(x > 0, x, 0.1 * x))


def test_an_unknown_gelu_is_named() -> None:
    with pytest.raises(UserError, match="unknown mode 'TANH_APPROX'; did you mean 'TANH_APPROXIMATION'"):
        run(KERNELS["gelu", 5], x=[1.0], mode="TANH_APPROX")
