"""Reading and writing at indices, against numpy and loops over every element."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import UserError
from edgesmith_stages.mil.kernels.scatter_gather import KERNELS

from .calls import run

OPSETS = [5, 7]
MODES = {
    None: np.add,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
    "update": lambda _, new: new,
}


def op(name: str, opset: int = 5, **arguments: Any) -> torch.Tensor:
    found = run(KERNELS[name, opset], **arguments)
    assert isinstance(found, torch.Tensor)
    return found


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 2, shape).astype(np.float32)


def indices(bound: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, bound, shape)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axis", [None, 1, -1])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,)])
def test_gather_equals_take(shape: tuple[int, ...], axis: int | None, opset: int) -> None:
    x, at = drawn(4, 4, 4), indices(4, *shape)
    np.testing.assert_array_equal(op("gather", opset, x=x, indices=at, axis=axis), np.take(x, at, axis or 0))


@given(st.integers(0, 2), st.integers(0, 3), st.integers(0, 2))
def test_gather_with_batch_dims_takes_row_by_row(batch: int, axis: int, extra: int) -> None:
    axis = max(axis, batch)
    x, at = drawn(2, 3, 4, 5), indices(2, *(2, 3)[:batch], *(3, 2)[:extra])
    expected = np.empty((*x.shape[:axis], *at.shape[batch:], *x.shape[axis + 1 :]))
    for row in np.ndindex(x.shape[:batch]):
        expected[row] = np.take(x[row], at[row], axis - batch)
    np.testing.assert_array_equal(op("gather", x=x, indices=at, axis=axis, batch_dims=batch), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32])
def test_indices_and_values_of_any_integer_dtype(dtype: Any) -> None:
    x = np.array([5, 6, 7]).astype(dtype)
    assert op("gather", 7, x=x, indices=np.array([2, 0]).astype(dtype)).tolist() == [7, 5]


@pytest.mark.parametrize("axis", [None, 1, -1])
def test_gather_along_axis_equals_numpy(axis: int | None) -> None:
    x, at = drawn(3, 3, 3), indices(3, 3, 3, 3)
    found = op("gather_along_axis", x=x, indices=at, axis=axis)
    np.testing.assert_array_equal(found, np.take_along_axis(x, at, axis or 0))


@pytest.mark.parametrize(("batch", "depth"), [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1)])
def test_gather_nd_reads_at_rows_of_indices(batch: int, depth: int) -> None:
    x, at = drawn(2, 3, 4), indices(2, *(2, 3)[:batch], 5, depth)
    expected = np.stack([x[(*row[:batch], *at[row])] for row in np.ndindex(at.shape[:-1])])
    found = op("gather_nd", x=x, indices=at, batch_dims=batch)
    np.testing.assert_array_equal(found, expected.reshape(*at.shape[:-1], *x.shape[batch + depth :]))


@pytest.mark.parametrize("compute", [torch.float64, torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axis", [None, 1, -1])
def test_scatter_applies_each_update_in_turn(axis: int | None, mode: str | None, compute: torch.dtype) -> None:
    x, at = drawn(3, 3, 3), np.array([2, 0, 2, 1])
    updates = np.moveaxis(drawn(4, 3, 3, seed=1), 0, axis or 0)
    expected = x.astype(np.float64)
    rows, changes = np.moveaxis(expected, axis or 0, 0), np.moveaxis(updates, axis or 0, 0)
    for index, change in zip(at, changes, strict=True):
        rows[index] = MODES[mode](rows[index], change)
    found = op("scatter", data=x, indices=at, updates=updates, axis=axis, mode=mode, compute=compute)
    tolerance = 5e-3 if compute == torch.float16 else 1e-6
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert found.dtype == compute


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axis", [0, -1])
def test_scatter_along_axis_applies_each_update_in_turn(axis: int, mode: str | None) -> None:
    x, at, updates = drawn(3, 3), indices(3, 3, 3), drawn(3, 3, seed=1)
    expected = x.astype(np.float64)
    for place in itertools.product(range(3), repeat=2):
        target = list(place)
        target[axis] = at[place]
        expected[tuple(target)] = MODES[mode](expected[tuple(target)], updates[place])
    found = op("scatter_along_axis", data=x, indices=at, updates=updates, axis=axis, mode=mode)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_scatter_nd_applies_each_update_in_turn(depth: int, mode: str | None) -> None:
    x, at = drawn(2, 3, 4), indices(2, 2, 4, depth)
    updates = drawn(2, 4, *x.shape[depth:], seed=1)
    expected = x.astype(np.float64)
    for row in np.ndindex(at.shape[:-1]):
        target = tuple(at[row])
        expected[target] = MODES[mode](expected[target], updates[row])
    found = op("scatter_nd", data=x, indices=at, updates=updates, mode=mode)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_integers_are_divided_towards_zero() -> None:
    found = op("scatter", data=[-7, 9], indices=[0, 1, 1], updates=[2, 2, 2], mode="div")
    assert (found.tolist(), found.dtype) == ([-3, 2], torch.int32)


def test_scattering_leaves_data_alone() -> None:
    data = torch.zeros(3)
    op("scatter", data=data, indices=[0], updates=[1.0])
    assert not data.any()


CASES: dict[str, dict[str, Any]] = {
    "gather": {"x": [1.0, 2, 3]},
    "gather_along_axis": {"x": [1.0, 2, 3]},
    "gather_nd": {"x": [1.0, 2, 3]},
    "scatter": {"data": [1.0, 2, 3], "updates": [9.0], "mode": "update"},
    "scatter_along_axis": {"data": [1.0, 2, 3], "updates": [9.0], "mode": "update"},
    "scatter_nd": {"data": [1.0, 2, 3], "updates": [9.0], "mode": "update"},
}


@pytest.mark.parametrize("name", CASES)
def test_up_to_ios16_negative_indices_count_from_the_end(name: str) -> None:
    found = op(name, 5, indices=[-3], **CASES[name])
    assert found.flatten().tolist() == ([1] if name.startswith("gather") else [9, 2, 3])
    for index in (-4, 3):
        with pytest.raises(UserError, match=f"index {index} is out of bounds"):
            op(name, 5, indices=[index], **CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_since_ios17_validated_indices_are_not_negative(name: str) -> None:
    for index in (-1, 3):
        with pytest.raises(UserError, match=f"index {index} is out of bounds"):
            op(name, 7, indices=[index], validate_indices=True, **CASES[name])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("index", "nearest"), [(-1, 2), (-9, 0), (9, 2)])
def test_since_ios17_other_indices_are_safe(name: str, index: int, nearest: int) -> None:
    there, here = (op(name, 7, indices=[one], **CASES[name]).tolist() for one in (index, nearest))
    assert there == here


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(UserError, match="unknown mode 'subtract'"):
        run(KERNELS["scatter", 5], data=[1.0], indices=[0], updates=[1.0], axis=0, mode="subtract")
