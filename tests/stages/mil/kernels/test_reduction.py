"""Reductions, against numpy and scipy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch

from edgesmith_stages.mil.kernels.reduction import KERNELS

from .calls import run

ORACLES: dict[str, Callable[..., Any]] = {
    "reduce_l1_norm": lambda x, **how: np.abs(x).sum(**how),
    "reduce_l2_norm": lambda x, **how: np.sqrt((x * x).sum(**how)),
    "reduce_log_sum": lambda x, **how: np.log(x.sum(**how)),
    "reduce_log_sum_exp": lambda x, **how: scipy.special.logsumexp(x, **how),
    "reduce_max": np.max,
    "reduce_mean": np.mean,
    "reduce_min": np.min,
    "reduce_prod": np.prod,
    "reduce_sum": np.sum,
    "reduce_sum_square": lambda x, **how: (x * x).sum(**how),
}
ARGUMENTS = {"reduce_argmax": np.argmax, "reduce_argmin": np.argmin}
AXES = [None, *(list(some) for size in range(4) for some in combinations((0, -2, 2), size))]
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 1e-2}


@pytest.mark.parametrize("compute", TOLERANCES, ids=str)
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("name", ORACLES)
def test_any_axes_in_every_mode(name: str, keep: bool, compute: torch.dtype) -> None:
    x = torch.from_numpy(np.random.default_rng(0).uniform(0.5, 1.5, (2, 3, 4))).to(compute)
    for axes in AXES:
        found = run(KERNELS[name, 5], x=x, axes=axes, keep_dims=keep, compute=compute)
        expected = ORACLES[name](x.double().numpy(), axis=None if axes is None else tuple(axes), keepdims=keep)
        assert (found.dtype, found.shape) == (compute, np.shape(expected))
        np.testing.assert_allclose(found.double(), expected, rtol=TOLERANCES[compute], atol=TOLERANCES[compute])


@pytest.mark.parametrize("name", ORACLES)
def test_integers_are_cut_to_integers(name: str) -> None:
    x = np.random.default_rng(0).integers(1, 9, (3, 4))
    found = run(KERNELS[name, 5], x=x, axes=[1])
    assert found.dtype == torch.int32
    np.testing.assert_array_equal(found, ORACLES[name](x.astype(np.float64), axis=1).astype(np.int32))


def test_a_scalar_reduces_to_itself() -> None:
    assert run(KERNELS["reduce_max", 5], x=3.0).item() == 3


def test_log_sum_exp_does_not_overflow() -> None:
    assert run(KERNELS["reduce_log_sum_exp", 5], x=[1000.0, 1000.0]).item() == pytest.approx(1000 + np.log(2))


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_where_the_extreme_is_first_of_ties(name: str, axis: int | None, keep: bool) -> None:
    x = np.random.default_rng(0).integers(0, 3, (2, 9, 4))
    expected = ARGUMENTS[name](x, axis=-1 if axis is None else axis, keepdims=keep)
    for values in (x, x.astype(np.float32)):
        found = run(KERNELS[name, 5], x=values, axis=axis, keep_dims=keep)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == torch.int32


def test_where_the_extreme_is_in_halves_and_as_uint16() -> None:
    found = run(KERNELS["reduce_argmax", 5], x=[1.0, 3.0, 2.0], compute=torch.float16, output_dtype="uint16")
    assert (found.item(), found.dtype) == (1, torch.int32), "uint16 is held as int32"
