"""Compressed weights, decoded by hand in numpy and, in packages that coremltools compresses, by coremltools."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgesmith_stages.mil.kernels.constexpr import KERNELS

from .calls import call, run

AFFINE, CAST = KERNELS["constexpr_affine_dequantize", 6], KERNELS["constexpr_cast", 6]
LUT_16, SPARSE_16 = KERNELS["constexpr_lut_to_dense", 6], KERNELS["constexpr_sparse_to_dense", 6]
LUT_18, SPARSE_18 = KERNELS["constexpr_lut_to_dense", 8], KERNELS["constexpr_sparse_to_dense", 8]
BLOCKWISE, LUT_SPARSE = KERNELS["constexpr_blockwise_shift_scale", 8], KERNELS["constexpr_lut_to_sparse", 8]
SPARSE_BLOCKWISE = KERNELS["constexpr_sparse_blockwise_shift_scale", 8]

NUMBERS = np.random.default_rng(0)


def packed(elements: np.ndarray, bits: int) -> np.ndarray:
    """Elements in as few bytes as they need, the first in the lowest bits."""
    rows = np.unpackbits(elements.astype(np.uint8).reshape(-1, 1), axis=1, bitorder="little")[:, :bits]
    return np.packbits(rows.reshape(-1), bitorder="little")


@pytest.mark.parametrize("name", ["int8", "uint8"])
@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_affine_dequantize(name: str, axis: int | None) -> None:
    limits = np.iinfo(name)
    data = NUMBERS.integers(limits.min, limits.max, (3, 4, 2), dtype=name, endpoint=True)
    count = () if axis is None else data.shape[axis]
    scale, zero = NUMBERS.random(count), NUMBERS.integers(limits.min, limits.max, count, dtype=name)
    given = {"quantized_data": data, "scale": scale, "zero_point": zero, "axis": axis or 0, "compute": torch.float64}
    y = run(AFFINE, **given).numpy()
    for at in np.ndindex(*data.shape):
        channel = () if axis is None else at[axis]
        assert y[at] == scale[channel] * (int(data[at]) - int(zero[channel]))


def test_affine_dequantize_of_vector_scales_and_one_zero_point() -> None:
    data = torch.tensor([[250, 251], [252, 253]], dtype=torch.uint8)
    y = run(AFFINE, quantized_data=data, scale=[1.0, 10.0], zero_point=torch.tensor(255, dtype=torch.uint8), axis=0)
    assert y.tolist() == [[-5.0, -4.0], [-30.0, -20.0]]


def test_cast_takes_the_dtype_in_which_the_mode_holds_the_result() -> None:
    y = run(CAST, source_val=np.float16([0.1]), output_dtype="fp32", compute=torch.float64)
    assert y.dtype == torch.float64


@given(st.sampled_from([1, 2, 4, 6, 8]), st.integers(1, 5), st.integers(1, 7))
def test_lut_of_packed_indices(bits: int, rows: int, columns: int) -> None:
    lut, indices = NUMBERS.normal(size=2**bits), NUMBERS.integers(0, 2**bits, (rows, columns))
    shape = torch.tensor([rows, columns])
    y = run(LUT_16, indices=packed(indices, bits), lut=lut, shape=shape, compute=torch.float64)
    assert np.array_equal(y.numpy(), lut[indices])


def test_a_lut_of_integers_gives_integers() -> None:
    lut = torch.tensor([-5, 7], dtype=torch.int8)
    y = run(LUT_16, indices=torch.tensor([0b101], dtype=torch.uint8), lut=lut, shape=torch.tensor([3]))
    assert y.dtype == torch.int8
    assert y.tolist() == [7, -5, 7]


@given(st.integers(1, 5), st.integers(1, 7), st.floats(0, 1))
def test_sparse_of_a_packed_mask(rows: int, columns: int, density: float) -> None:
    dense = NUMBERS.normal(size=(rows, columns)) * (NUMBERS.random((rows, columns)) < density)
    mask = packed(dense != 0, 1)
    given = {"nonzero_data": dense[dense != 0], "mask": mask, "shape": torch.tensor(dense.shape)}
    assert np.array_equal(run(SPARSE_16, **given, compute=torch.float64).numpy(), dense)


def test_sparse_of_a_mask_tensor() -> None:
    mask = torch.tensor([[0, 1], [1, 0]], dtype=torch.uint8)
    y = run(SPARSE_18, nonzero_data=torch.tensor([-3, 4], dtype=torch.int8), mask=mask)
    assert y.dtype == torch.int8
    assert y.tolist() == [[0, -3], [4, 0]]


@pytest.mark.parametrize("nonzero", [[-3], [-3, 4, 5], []])
def test_a_mask_that_keeps_another_number_of_elements_is_refused(nonzero: list[int]) -> None:
    mask = torch.tensor([[0, 1], [1, 0]], dtype=torch.uint8)
    with pytest.raises(ValueError, match=f"its mask keeps 2 elements, found {len(nonzero)}"):
        run(SPARSE_18, nonzero_data=torch.tensor(nonzero, dtype=torch.int8), mask=mask)


def expanded(parameter: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Each element repeated over its block."""
    for axis, size in enumerate(shape):
        parameter = np.repeat(parameter, size // parameter.shape[axis], axis)
    return parameter


@pytest.mark.parametrize("blocks", [(1, 1, 1), (4, 1, 1), (4, 3, 1), (2, 3, 2), (4, 6, 4), (1, 1, 2)])
@pytest.mark.parametrize("offset", [None, "int8", "uint8", "float"])
def test_blockwise_shift_scale(blocks: tuple[int, ...], offset: str | None) -> None:
    data = NUMBERS.integers(0, 16, (4, 6, 4)).astype(np.uint8 if offset == "uint8" else np.int8)
    scale = NUMBERS.random(blocks)
    shift = (
        NUMBERS.normal(size=blocks) if offset == "float" else NUMBERS.integers(0, 16, blocks).astype(offset or "int8")
    )
    given = {"data": data, "scale": scale, "offset": None if offset is None else shift, "compute": torch.float64}
    expected = expanded(scale, data.shape) * (
        data.astype(float) - (0 if offset is None else expanded(shift, data.shape))
    )
    assert np.array_equal(run(BLOCKWISE, **given).numpy(), expected)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("tables", [(1, 1, 1), (2, 1, 1), (1, 3, 1), (2, 3, 4)])
def test_lut_by_block_and_by_vector(axis: int, length: int, tables: tuple[int, ...]) -> None:
    indices = NUMBERS.integers(0, 4, (4, 6, 4)).astype(np.uint8)
    lut = NUMBERS.normal(size=(*tables, 4, length))
    shape = list(indices.shape)
    shape[axis] *= length
    expected = np.empty(shape)
    for at in np.ndindex(*indices.shape):
        table = tuple(i * count // size for i, count, size in zip(at, tables, indices.shape, strict=True))
        for element in range(length):
            to = list(at)
            to[axis] = to[axis] * length + element
            expected[tuple(to)] = lut[(*table, indices[at], element)]
    y = run(LUT_18, indices=indices, lut=lut, vector_axis=None if length == 1 else axis, compute=torch.float64)
    assert np.array_equal(y.numpy(), expected)


def test_the_examples_of_lut_to_sparse() -> None:
    """Those of the MIL reference: 2 for index 0 and 3 for index 1, once as numbers and once as vectors."""
    mask = torch.zeros(4, 6, dtype=torch.uint8)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1), (1, 5), (2, 1), (2, 2), (2, 4), (3, 3)):
        mask[row, column] = 1
    given = {"indices_mask": mask, "indices_nonzero_data": torch.tensor([0, 1, 1, 0, 1, 1, 0, 0, 1], dtype=torch.uint8)}
    same, nonzero = LUT_SPARSE(call("constexpr_lut_to_sparse", lut=[[[[2.0], [3.0]]]], **given))
    assert torch.equal(same, mask)
    assert nonzero.tolist() == [2, 3, 3, 2, 3, 3, 2, 2, 3]
    pairs = call("constexpr_lut_to_sparse", lut=[[[[2.0, 2.5], [3.0, 3.5]]]], vector_axis=0, **given)
    stretched, nonzero = LUT_SPARSE(pairs)
    assert torch.equal(stretched, mask.repeat_interleave(2, dim=0))
    dense = run(SPARSE_18, mask=stretched, nonzero_data=nonzero)
    assert dense[:4].tolist() == [
        [2, 3, 0, 0, 0, 0],
        [2.5, 3.5, 0, 0, 0, 0],
        [3, 2, 0, 0, 0, 3],
        [3.5, 2.5, 0, 0, 0, 3.5],
    ]


def test_the_example_of_sparse_blockwise_shift_scale() -> None:
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [1, 1, 0, 0]], dtype=torch.uint8)
    data = torch.tensor([10, 11, 3, 4, 5, 6, 7, 8, 9], dtype=torch.int8)
    offset = torch.tensor([[1, 2, 3, 4]], dtype=torch.int8)
    given = {"data_mask": mask, "nonzero_data": data, "scale": [[0.1, 0.2, 0.3, 0.4]], "offset": offset}
    same, nonzero = SPARSE_BLOCKWISE(call("constexpr_sparse_blockwise_shift_scale", **given))
    assert torch.equal(same, mask)
    np.testing.assert_allclose(nonzero.numpy(), [0.9, 1.8, 0.2, 0.4, 0.6, 0.9, 1.2, 0.7, 1.4], rtol=1e-6)
