"""Elementwise operations of two tensors, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from edgesmith_stages.mil.kernels.elementwise_binary import KERNELS

from .calls import run

ARITHMETIC = {
    "add": np.add,
    "floor_div": np.floor_divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mod": np.mod,
    "mul": np.multiply,
    "pow": np.power,
    "real_div": np.true_divide,
    "sub": np.subtract,
}
COMPARISONS = {
    "equal": np.equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "not_equal": np.not_equal,
}
LOGIC = {"logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor}
TOLERANCES = {torch.float64: 1e-12, torch.float32: 3e-6, torch.float16: 1e-2}


@pytest.mark.parametrize("compute", TOLERANCES, ids=str)
@pytest.mark.parametrize("name", ARITHMETIC)
def test_floats_equal_numpy_in_every_mode(name: str, compute: torch.dtype) -> None:
    random = np.random.default_rng(0)
    x, y = (torch.from_numpy(random.uniform(-4, 4, (3, 50))).to(compute) for _ in range(2))
    x = x.abs() if name == "pow" else x
    found = run(KERNELS[name, 5], x=x, y=y, compute=compute)
    expected = torch.from_numpy(ARITHMETIC[name](x.double().numpy(), y.double().numpy()))
    assert found.dtype == compute
    torch.testing.assert_close(found.double(), expected, rtol=TOLERANCES[compute], atol=TOLERANCES[compute])


@pytest.mark.parametrize("name", sorted(ARITHMETIC.keys() - {"real_div", "pow"}))
def test_int32_equals_numpy(name: str) -> None:
    random = np.random.default_rng(1)
    x = random.integers(-(2**31), 2**31, 200).astype(np.int32)
    y = random.integers(1, 2**10, 200).astype(np.int32) * random.choice([-1, 1], 200)
    found = run(KERNELS[name, 5], x=x, y=y)
    assert found.dtype == torch.int32
    np.testing.assert_array_equal(found, ARITHMETIC[name](x, y.astype(np.int32)))


def test_integer_powers_and_quotients_stay_integers() -> None:
    assert run(KERNELS["pow", 5], x=[2, -3], y=[10, 3]).tolist() == [1024, -27]
    assert run(KERNELS["real_div", 5], x=[7, -7, 2**31 - 1], y=[2, 2, 1]).tolist() == [3, -3, 2**31 - 1]


@pytest.mark.parametrize("name", COMPARISONS)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_dims=4), seed=st.integers(0, 99))
def test_comparisons_broadcast(name: str, shapes: object, seed: int) -> None:
    x, y = (np.random.default_rng(seed).integers(-1, 2, shape) for shape in shapes.input_shapes)  # type: ignore[attr-defined]
    found = run(KERNELS[name, 5], x=x.astype(np.float32), y=y.astype(np.float32))
    np.testing.assert_array_equal(found, COMPARISONS[name](x, y))
    assert found.dtype == torch.bool


@pytest.mark.parametrize("name", LOGIC)
def test_logic(name: str) -> None:
    x, y = np.array([[False], [True]]), np.array([False, True])
    np.testing.assert_array_equal(run(KERNELS[name, 5], x=x, y=y), LOGIC[name](x, y))


def test_maximum_passes_nan_on() -> None:
    assert run(KERNELS["maximum", 5], x=[np.nan, 1.0], y=[1.0, np.nan]).isnan().all()
