"""Operations that move elements, against numpy, loops and the examples of the format's documentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import UserError
from edgesmith_stages.mil.kernels.tensor_transformation import KERNELS

from .calls import run

IMAGES = torch.arange(2 * 8 * 4 * 6, dtype=torch.float32).reshape(2, 8, 4, 6)


def op(name: str, opset: int = 5, **arguments: Any) -> torch.Tensor:
    found = run(KERNELS[name, opset], **arguments)
    assert isinstance(found, torch.Tensor)
    return found


def counted(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize("opset", [5, 7])
@pytest.mark.parametrize(
    ("shape", "expected"),
    [([6, 4], (6, 4)), ([-1], (24,)), ([0, -1, 0], (2, 3, 4)), ([0, 0, -1], (2, 3, 4)), ([1, 2, 12], (1, 2, 12))],
)
def test_reshape(opset: int, shape: list[int], expected: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(op("reshape", opset, x=counted(2, 3, 4), shape=shape), counted(*expected))


def test_reshape_before_ios17_takes_0_only_for_the_same_rank() -> None:
    with pytest.raises(UserError, match="has a 0"):
        op("reshape", 5, x=counted(2, 3), shape=[0, 3, 1])


@pytest.mark.parametrize(
    ("x", "shape", "expected"),
    [((2, 50), [1, 0, -1, 0], (1, 1, 2, 50)), ((2, 3, 4), [-1, 0], (6, 4)), ((1, 3, 4), [0, 0], (3, 4))],
)
def test_reshape_since_ios17_counts_0_from_the_right(x: Any, shape: list[int], expected: tuple[int, ...]) -> None:
    assert op("reshape", 7, x=counted(*x), shape=shape).shape == expected


def test_reshape_to_a_scalar_and_back() -> None:
    assert op("reshape", x=[5.0], shape=np.zeros(0, np.int32)).shape == ()
    assert op("reshape", x=5.0, shape=[1, 1]).shape == (1, 1)


def test_reshape_like_joins_parts_of_shapes() -> None:
    references = (np.zeros((2, 3, 4)), np.zeros((1, 5, 6)))
    found = op(
        "reshape_like", 6, x=counted(180), ref_tensors=references, begins=(0, 1), ends=(2, 0), end_masks=(False, True)
    )
    assert found.shape == (2, 3, 5, 6)


@pytest.mark.parametrize(
    ("shape", "axis", "expected"),
    [((3,), -1, (1, 3)), ((3,), None, (3, 1)), ((2, 3, 2), -1, (6, 2)), ((5, 5, 2), 1, (5, 10)), ((2, 3), 0, (1, 6))],
)
def test_flatten2d(shape: tuple[int, ...], axis: int | None, expected: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(op("flatten2d", x=counted(*shape), axis=axis), counted(*expected))


@pytest.mark.parametrize("axes", [[0], [-1], [0, 1], [-2, -1], [3, 0, -2]])
@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_expand_dims_equals_numpy(shape: tuple[int, ...], axes: list[int]) -> None:
    x = counted(*shape)
    try:
        expected = np.expand_dims(x, axes)
    except ValueError:  # too few axes, or the same one twice
        return
    np.testing.assert_array_equal(op("expand_dims", x=x, axes=axes), expected)


@pytest.mark.parametrize(
    ("axes", "expected"), [(None, (2, 3)), ([0], (2, 1, 3)), ([-2, 0], (2, 3)), ([1, 2], (1, 2, 3))]
)
def test_squeeze_leaves_other_sizes_alone(axes: list[int] | None, expected: tuple[int, ...]) -> None:
    assert op("squeeze", x=np.zeros((1, 2, 1, 3)), axes=axes).shape == expected


def test_transpose_and_reverse_equal_numpy() -> None:
    x = counted(2, 3, 4)
    np.testing.assert_array_equal(op("transpose", x=x, perm=[2, 0, -2]), x.transpose(2, 0, 1))
    np.testing.assert_array_equal(op("reverse", x=x, axes=[0, -1]), x[::-1, :, ::-1])
    np.testing.assert_array_equal(op("reverse", x=x), np.flip(x))


@pytest.mark.parametrize(
    ("batch_axis", "seq_axis", "lengths"), [(0, 1, [0, 3]), (1, 0, [2, 1, 0]), (2, 1, [3, 0, 1, 2])]
)
def test_reverse_sequence_turns_the_first_elements(batch_axis: int, seq_axis: int, lengths: list[int]) -> None:
    x = counted(2, 3, 4)
    expected = x.copy()
    views = np.moveaxis(x, (batch_axis, seq_axis), (0, 1)), np.moveaxis(expected, (batch_axis, seq_axis), (0, 1))
    for row, length in enumerate(lengths):
        views[1][row, :length] = views[0][row, :length][::-1]
    found = op("reverse_sequence", x=x, lengths=lengths, batch_axis=batch_axis, seq_axis=seq_axis)
    np.testing.assert_array_equal(found, expected)


@st.composite
def numpy_slices(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any], tuple[slice | int, ...]]:
    """A tensor, arguments of slice_by_index, and the same as an index of numpy."""
    x = counted(*draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)))
    index: list[slice | int] = []
    rows = []
    for size in x.shape:
        step = draw(st.sampled_from([-3, -2, -1, 1, 1, 2, 4]))
        begin_mask, end_mask, squeeze_mask = (draw(st.sampled_from([False, False, True])) for _ in range(3))
        edge = size - 1 if squeeze_mask else size + 2
        begin, end = draw(st.integers(-size, edge)), draw(st.integers(-size - 2, size + 2))
        rows.append((begin, end, step, begin_mask, end_mask, squeeze_mask))
        whole = slice(None if begin_mask else begin, None if end_mask else end, step)
        index.append((0 if begin_mask else begin) if squeeze_mask else whole)
    names = ("begin", "end", "stride", "begin_mask", "end_mask", "squeeze_mask")
    return x, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), tuple(index)


@given(numpy_slices())
def test_slice_by_index_equals_numpy(example: tuple[np.ndarray, dict[str, Any], tuple[slice | int, ...]]) -> None:
    x, arguments, index = example
    np.testing.assert_array_equal(op("slice_by_index", x=x, **arguments), x[index])


@given(numpy_slices())
def test_slice_update_equals_numpy(example: tuple[np.ndarray, dict[str, Any], tuple[slice | int, ...]]) -> None:
    x, arguments, index = example
    update = -1 - counted(*x[index].shape)
    found = op("slice_update", 8, x=x, update=update, **arguments)
    expected = x.copy()
    expected[index] = update
    np.testing.assert_array_equal(found, expected)


def test_slice_update_leaves_x_alone() -> None:
    x = torch.zeros(3)
    op("slice_update", 8, x=x, update=[1.0], begin=[0], end=[1])
    assert not x.any()


def test_slices_have_no_masks_and_steps_of_one_by_default() -> None:
    np.testing.assert_array_equal(op("slice_by_index", x=counted(4), begin=[-3], end=[-1]), [1, 2])
    with pytest.raises(IndexError):
        op("slice_by_index", x=counted(4), begin=[4], end=[0], squeeze_mask=[True])


def test_slice_by_size() -> None:
    found = op("slice_by_size", x=counted(4, 5), begin=[1, -2], size=[2, -1])
    np.testing.assert_array_equal(found, counted(4, 5)[1:3, 3:])
    assert op("slice_by_size", x=counted(4), begin=[1], size=[0]).shape == (0,)


def test_depth_to_space_as_documented() -> None:
    x = np.arange(1.0, 17).reshape(1, 8, 1, 2)
    by_block = op("depth_to_space", x=x, block_size=2)
    assert by_block.tolist() == [[[[1, 5, 2, 6], [9, 13, 10, 14]], [[3, 7, 4, 8], [11, 15, 12, 16]]]]
    by_channel = op("pixel_shuffle", x=x, upscale_factor=2)
    assert by_channel.tolist() == [[[[1, 3, 2, 4], [5, 7, 6, 8]], [[9, 11, 10, 12], [13, 15, 14, 16]]]]


def test_what_moves_blocks_has_a_reverse() -> None:
    deep = op("space_to_depth", x=IMAGES, block_size=2)
    assert deep.shape == (2, 32, 2, 3)
    assert torch.equal(op("depth_to_space", x=deep, block_size=2), IMAGES)
    deep = op("pixel_unshuffle", 6, x=IMAGES, downscale_factor=2)
    assert torch.equal(op("pixel_shuffle", x=deep, upscale_factor=2), IMAGES)


def test_space_to_batch_and_back() -> None:
    pads = [[1, 1], [0, 3]]
    found = op("space_to_batch", x=IMAGES, block_shape=[2, 3], paddings=pads)
    padded = np.pad(IMAGES.numpy(), [(0, 0), (0, 0), *pads])
    expected = np.concatenate([padded[:, :, row::2, column::3] for row in range(2) for column in range(3)])
    np.testing.assert_array_equal(found, expected)
    assert torch.equal(op("batch_to_space", x=found, block_shape=[2, 3], crops=pads), IMAGES)


@pytest.mark.parametrize(("axis", "size", "stride"), [(0, 2, None), (1, 3, 1), (-1, 2, 3), (-2, 5, 1)])
def test_sliding_windows_equal_numpy(axis: int, size: int, stride: int | None) -> None:
    x = counted(3, 5, 6)
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis)
    expected = np.moveaxis(windows, -1, axis % 3 + 1)
    expected = expected[(slice(None),) * (axis % 3) + (slice(None, None, stride),)]
    np.testing.assert_array_equal(op("sliding_windows", x=x, axis=axis, size=size, stride=stride), expected)
