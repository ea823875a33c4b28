"""Operations that join, cut, fill, pad and sort, against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import UserError
from edgesmith_stages.mil.kernels.tensor_operation import KERNELS

from .calls import run


def op(name: str, opset: int = 5, **arguments: Any) -> Any:
    return run(KERNELS[name, opset], **arguments)


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_concat_and_stack_equal_numpy() -> None:
    x, y = drawn(2, 3), drawn(2, 1)
    np.testing.assert_array_equal(op("concat", values=(x, y), axis=-1), np.concatenate([x, y], -1))
    np.testing.assert_array_equal(op("concat", values=(1, 2), axis=0), [1, 2])
    np.testing.assert_array_equal(op("stack", values=(x, -x), axis=-1), np.stack([x, -x], -1))
    assert op("stack", values=(1, 2), axis=0).dtype == torch.int32


@pytest.mark.parametrize(
    ("axis", "expected"), [(0, [[1, 2], [5, 6], [3, 4], [7, 8]]), (-1, [[1, 5, 2, 6], [3, 7, 4, 8]])]
)
def test_concat_interleaves(axis: int, expected: list[list[int]]) -> None:
    values = ([[1, 2], [3, 4]], [[5, 6], [7, 8]])
    assert op("concat", values=values, axis=axis, interleave=True).tolist() == expected


def test_split_evenly_or_by_sizes() -> None:
    x = drawn(6, 2)
    for found, expected in zip(op("split", x=x, num_splits=3, axis=0), np.split(x, 3), strict=True):
        np.testing.assert_array_equal(found, expected)
    parts = op("split", x=x, split_sizes=[1, 0, 5], num_splits=3, axis=-2)
    assert [len(part) for part in parts] == [1, 0, 5]
    np.testing.assert_array_equal(torch.cat(parts), x)


def test_tile_equals_numpy() -> None:
    x = drawn(2, 3)
    np.testing.assert_array_equal(op("tile", x=x, reps=[2, 3]), np.tile(x, (2, 3)))


@given(
    st.lists(st.tuples(st.integers(2, 5), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4),
    st.sampled_from(["constant", "reflect", "replicate"]),
    st.data(),
)
def test_pad_equals_numpy(axes: list[tuple[int, int, int]], mode: str, data: st.DataObject) -> None:
    x = drawn(*(size for size, _, _ in axes))
    bound = 1 if mode == "reflect" else 0
    pads = [(before % (size + 1 - bound), after % (size + 1 - bound)) for size, before, after in axes]
    given_pads = pads[data.draw(st.integers(0, len(pads) - 1)) :]
    whole = [(0, 0)] * (x.ndim - len(given_pads)) + given_pads
    how: dict[str, Any] = {"constant_values": 7} if mode == "constant" else {}
    expected = np.pad(x, whole, {"replicate": "edge"}.get(mode, mode), **how)  # type: ignore[call-overload]
    found = op("pad", x=x, pad=[amount for side in given_pads for amount in side], mode=mode, constant_val=7.0)
    np.testing.assert_array_equal(found, expected)


def test_pad_puts_zeros_by_default_and_takes_halves() -> None:
    assert op("pad", x=[1.0], pad=[1, 1], compute=torch.float16).tolist() == [0, 1, 0]
    assert op("pad", x=[1.0, 2], pad=[1, 1], mode="reflect", compute=torch.float16).tolist() == [2, 1, 2, 1]


def test_an_unknown_way_to_pad_is_named() -> None:
    with pytest.raises(UserError, match="unknown mode 'reflection'; did you mean 'reflect'"):
        op("pad", x=[1.0, 2], pad=[1, 1], mode="reflection")


def test_fills() -> None:
    assert op("fill", shape=[2, 1], value=True).tolist() == [[True], [True]]
    assert op("fill", shape=[2]).dtype == torch.float32
    found = op("fill_like", 6, ref_tensor=np.ones((1, 2), np.int32), value=3)
    assert (found.tolist(), found.dtype) == ([[3, 3]], torch.int32)


@pytest.mark.parametrize("axis", [None, 0, 1, -2])
def test_one_hot_adds_an_axis(axis: int | None) -> None:
    indices = np.array([[0, 2], [1, 5]])
    rows = np.where(indices[..., None] == np.arange(3), 2.5, -1)
    found = op("one_hot", indices=indices, one_hot_vector_size=3, axis=axis, on_value=2.5, off_value=-1.0)
    np.testing.assert_array_equal(found, np.moveaxis(rows, -1, -1 if axis is None else axis))


def test_one_hot_is_of_integers_by_default_and_ignores_what_is_out_of_bounds() -> None:
    found = op("one_hot", indices=[1, -1], one_hot_vector_size=2)
    assert (found.tolist(), found.dtype) == ([[0, 1], [0, 0]], torch.int32)


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-5, 5).filter(bool))
def test_range_equals_numpy(start: int, end: int, step: int) -> None:
    expected = np.arange(start, end, step)
    if len(expected) or (end - start) * step >= 0:
        np.testing.assert_array_equal(op("range_1d", start=start, end=end, step=step), expected)
    floats = op("range_1d", start=start / 4, end=end / 4, step=step / 4)
    np.testing.assert_array_equal(floats, expected / 4)


def test_shape_identity_select_and_non_zero() -> None:
    x = drawn(2, 0, 3)
    assert op("shape", x=x).tolist() == [2, 0, 3]
    assert op("identity", x=[1.0]).tolist() == [1]
    assert op("select", cond=[True, False], a=[[1], [2]], b=0).tolist() == [[1, 0], [2, 0]]
    assert op("non_zero", x=[[0, 3], [4, 0]]).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("lower", [None, -1, 0, 1, 5])
@pytest.mark.parametrize("upper", [None, -1, 0, 2])
def test_band_part_equals_triangles(lower: int | None, upper: int | None) -> None:
    x = drawn(2, 4, 5)
    below = x if lower is None or lower < 0 else np.triu(x, -lower)
    expected = below if upper is None or upper < 0 else np.tril(below, upper)
    np.testing.assert_array_equal(op("band_part", x=x, lower=lower, upper=upper), expected)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_cumsum_leaves_itself_out_and_turns_round(exclusive: bool, reverse: bool) -> None:
    x = np.random.default_rng(0).integers(-9, 9, (3, 4))
    seen = np.greater_equal if reverse else np.less_equal
    sees = seen.outer(np.arange(4), np.arange(4)) & ~(exclusive & np.eye(4, dtype=bool))
    found = op("cumsum", x=x, axis=-1, exclusive=exclusive, reverse=reverse)
    assert found.dtype == torch.int32
    np.testing.assert_array_equal(found, x @ sees.astype(int))


def test_cumsum_is_along_the_first_axis_by_default_and_keeps_infinities_out() -> None:
    assert op("cumsum", x=[[1.0], [2.0]]).tolist() == [[1], [3]]
    assert op("cumsum", x=[np.inf, 1.0], exclusive=True).tolist() == [0, np.inf]
    assert op("cumsum", x=np.zeros((0, 2)), exclusive=True).shape == (0, 2)


@pytest.mark.parametrize("ascending", [None, True])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8])
def test_sorting_puts_the_first_of_ties_first(dtype: Any, ascending: bool | None) -> None:
    x = np.random.default_rng(0).integers(0, 4, (3, 9, 2)).astype(dtype)
    order = np.argsort(x.astype(int) if ascending else -x.astype(int), axis=1, kind="stable")
    found = op("argsort", x=x, axis=1, ascending=ascending)
    np.testing.assert_array_equal(found, order)
    assert found.dtype == torch.int32
    values, indices = op("topk", x=x, k=4, axis=1, ascending=ascending)
    np.testing.assert_array_equal(indices, order[:, :4])
    np.testing.assert_array_equal(values, np.take_along_axis(x, order, 1)[:, :4])


def test_topk_defaults_and_options() -> None:
    values, indices = op("topk", x=[1.0, 3.0, 2.0], compute=torch.float16)
    assert (values.tolist(), indices.tolist(), indices.dtype) == ([3], [1], torch.int32)
    assert op("topk", x=[1.0, 3.0, 2.0], k=2, return_indices=False).tolist() == [3, 2]
    values, _ = op("topk", x=[1.0, 3.0, 2.0], k=-1, ascending=True, output_indices_dtype="uint16")
    assert values.tolist() == [1, 2, 3]
