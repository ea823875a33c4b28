"""Elementwise operations of one tensor, against numpy and scipy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import UserError
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.kernels.elementwise_unary import KERNELS

from .calls import run

GRID = np.linspace(-3, 3, 61)
ORACLES: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
    "abs": (np.abs, GRID),
    "acos": (np.arccos, GRID / 3),
    "asin": (np.arcsin, GRID / 3),
    "atan": (np.arctan, GRID),
    "atanh": (np.arctanh, GRID / 4),
    "ceil": (np.ceil, GRID),
    "cos": (np.cos, GRID),
    "cosh": (np.cosh, GRID),
    "erf": (scipy.special.erf, GRID),
    "exp": (np.exp, GRID),
    "exp2": (np.exp2, GRID),
    "floor": (np.floor, GRID),
    "inverse": (lambda x: 1 / (x + np.float64(np.float32(1e-4))), GRID + 3.05),
    "log": (np.log, GRID + 3.05),
    "round": (np.rint, GRID),
    "rsqrt": (lambda x: (x + 1e-12) ** -0.5, GRID + 3.05),
    "sign": (np.sign, GRID),
    "sin": (np.sin, GRID),
    "sinh": (np.sinh, GRID),
    "sqrt": (np.sqrt, GRID + 3),
    "square": (lambda x: x * x, GRID),
    "tan": (np.tan, GRID / 2),
    "tanh": (np.tanh, GRID),
}
TOLERANCES = {torch.float64: 1e-12, torch.float32: 3e-6, torch.float16: 4e-3}


@pytest.mark.parametrize("compute", TOLERANCES, ids=str)
@pytest.mark.parametrize("name", ORACLES)
def test_it_equals_numpy_in_every_mode(name: str, compute: torch.dtype) -> None:
    oracle, x = ORACLES[name]
    x = torch.from_numpy(x).to(compute)
    found = run(KERNELS[name, 5], x=x, compute=compute)
    assert found.dtype == compute
    expected = torch.from_numpy(oracle(x.double().numpy()))
    torch.testing.assert_close(found.double(), expected, rtol=TOLERANCES[compute], atol=TOLERANCES[compute])


@pytest.mark.parametrize("name", ["abs", "exp2", "sign", "square"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_int32_stays_int32(name: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(-5, 31, shape)
    expected = ORACLES[name][0](x.astype(np.float64)).astype(np.int32)
    found = run(KERNELS[name, 5], x=x)
    assert found.dtype == torch.int32
    np.testing.assert_array_equal(found, expected)


def test_halves_are_rounded_to_even() -> None:
    assert run(KERNELS["round", 5], x=[-1.5, -0.5, 0.5, 1.5, 2.5]).tolist() == [-2, 0, 0, 2, 2]


def test_clip_and_threshold_are_bounds() -> None:
    x = [-2.0, 0.5, 7.0, np.nan]
    np.testing.assert_array_equal(run(KERNELS["clip", 5], x=x, alpha=0.0, beta=6.0), [0, 0.5, 6, np.nan])
    np.testing.assert_array_equal(run(KERNELS["threshold", 5], x=x, alpha=0.0), [0, 0.5, 7, np.nan])
    assert run(KERNELS["threshold", 5], x=[1, 5], alpha=3).tolist() == [3, 5]


def test_clip_bounds_the_wrong_way_round_give_the_upper_one() -> None:
    assert run(KERNELS["clip", 5], x=[-2.0, 3.0], alpha=1.0, beta=-1.0).tolist() == [-1, -1]


def test_logical_not() -> None:
    assert run(KERNELS["logical_not", 5], x=[True, False]).tolist() == [False, True]


@pytest.mark.parametrize("name", ["inverse", "log", "rsqrt"])
def test_epsilon_is_added_first(name: str) -> None:
    found = run(KERNELS[name, 5], x=[3.0], epsilon=1.0)
    torch.testing.assert_close(found, torch.tensor([{"inverse": 0.25, "log": np.log(4), "rsqrt": 0.5}[name]]).float())


def test_default_epsilons_are_in_the_declared_dtype() -> None:
    zero = torch.zeros(1)
    assert run(KERNELS["log", 5], x=zero, output=TensorType("fp32", (1,))).isfinite()
    assert run(KERNELS["log", 5], x=zero, output=TensorType("fp16", (1,))) == -torch.inf
    assert run(KERNELS["rsqrt", 5], x=zero, output=TensorType("fp16", (1,))) == torch.inf
    torch.testing.assert_close(run(KERNELS["rsqrt", 5], x=zero), torch.tensor([1e6]))


@given(st.lists(st.floats(-3e4, 3e4, width=32)), st.sampled_from(["int32", "int16"]))
def test_casting_floats_cuts_towards_zero(values: list[float], dtype: str) -> None:
    x = np.array(values, np.float32)
    np.testing.assert_array_equal(run(KERNELS["cast", 5], x=x, dtype=dtype), x.astype(dtype))


def test_casting_floats_saturates() -> None:
    x = [np.nan, np.inf, -np.inf, 1e30, 300.0, -300.0]
    assert run(KERNELS["cast", 5], x=x, dtype="uint8").tolist() == [0, 255, 0, 255, 255, 0]
    assert run(KERNELS["cast", 5], x=x, dtype="uint16").tolist() == [0, 65535, 0, 65535, 300, 0]
    top, bottom = 2**31 - 1, -(2**31)
    assert run(KERNELS["cast", 5], x=x, dtype="int32").tolist() == [0, top, bottom, top, 300, -300]


@given(st.lists(st.integers(-(2**31), 2**31 - 1)), st.sampled_from(["int8", "uint8", "int16", "uint16", "int32"]))
def test_casting_integers_wraps_as_numpy_does(values: list[int], dtype: str) -> None:
    x = np.array(values, np.int32)
    np.testing.assert_array_equal(run(KERNELS["cast", 5], x=x, dtype=dtype), x.astype(dtype))


def test_casting_to_bool_and_to_floats() -> None:
    assert run(KERNELS["cast", 5], x=[0.0, 0.5, -1.0], dtype="bool").tolist() == [False, True, True]
    assert run(KERNELS["cast", 5], x=[True, False], dtype="int32").tolist() == [1, 0]
    halves = run(KERNELS["cast", 5], x=[1, 2], dtype="fp16")
    assert halves.dtype == torch.float32, "held as the mode says; the interpreter rounds"


def test_a_cast_to_an_unknown_dtype_is_told() -> None:
    with pytest.raises(UserError, match="unknown dtype 'float16'"):
        run(KERNELS["cast", 5], x=[1.0], dtype="float16")
