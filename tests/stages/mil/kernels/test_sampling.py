"""Grids over an axis, and sampling outside of an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.mil.kernels.sampling import SAMPLING_MODES, axis_grid, grid, interpolated, sampled


def reference_grid(size: int, count: int, mode: str) -> np.ndarray:
    """Grid points as the MIL reference of resize_bilinear writes them, term by term."""
    i = np.arange(count)
    with np.errstate(invalid="ignore", divide="ignore"):
        if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
            spacing = np.float64(size - 1) / (count - 1)
            points = i * spacing
        elif mode == "DEFAULT":
            spacing = np.float64(size - size / count) / (count - 1)
            points = i * spacing
        elif mode == "OFFSET_CORNERS":
            delta = max(1, size - 1) / count
            spacing = np.float64((count - 1) * delta) / (count - 1)
            points = 0.5 * delta + i * (spacing if count > 1 else 0.0)
        else:
            spacing = size / count
            points = i * spacing + 0.5 * spacing - 0.5
    if count == 1 and mode != "UNALIGN_CORNERS" and mode != "OFFSET_CORNERS":
        points = np.array([(size - 1) / 2 if mode == "ALIGN_CORNERS" else 0.0])
    return np.minimum(size - 1, np.maximum(0, points))


@pytest.mark.parametrize("mode", SAMPLING_MODES)
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_grids_are_those_of_the_reference(size: int, count: int, mode: str) -> None:
    np.testing.assert_allclose(axis_grid(size, count, mode).numpy(), reference_grid(size, count, mode), atol=1e-12)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("UNALIGN_CORNERS", [0.0, 0.1, 0.5, 0.9, 1.0]),
        ("STRICT_ALIGN_CORNERS", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("DEFAULT", [0.0, 0.4, 0.8, 1.0, 1.0]),
        ("OFFSET_CORNERS", [0.1, 0.3, 0.5, 0.7, 0.9]),
    ],
)
def test_the_examples_of_the_reference(mode: str, expected: list[float]) -> None:
    np.testing.assert_allclose(axis_grid(2, 5, mode).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("mode", SAMPLING_MODES)
def test_a_grid_backwards_is_the_grid_reversed_in_space(mode: str) -> None:
    first, last = torch.tensor([2.0, 7.0], dtype=torch.float64), torch.tensor([7.0, 2.0], dtype=torch.float64)
    ahead, back = grid(first, last, 4, mode)
    torch.testing.assert_close(ahead + back, torch.full((4,), 9.0, dtype=torch.float64))


def test_points_on_the_end_are_not_past_it_by_a_rounding() -> None:
    first = torch.tensor([0.1, 0.3, 0.7], dtype=torch.float64)
    last = torch.tensor([2.9, 3.0, 2.7], dtype=torch.float64)
    assert (grid(first, last, 7, "ALIGN_CORNERS") <= last[:, None]).all()


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'ALIGN_CORNERS'"):
        axis_grid(2, 2, "ALIGN_CORNER")


def test_interpolation_along_an_axis() -> None:
    x = torch.tensor([[0.0, 10.0], [4.0, 20.0]])
    at = torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)
    assert interpolated(x, at, -2).tolist() == [[0.0, 10.0], [1.0, 12.5], [4.0, 20.0]]
    assert interpolated(x, at, -1).tolist() == [[0.0, 2.5, 10.0], [4.0, 8.0, 20.0]]


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        ("constant", [9, 9, 9, 9, 1, 2, 3, 9, 9, 9, 9]),
        ("border", [1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3]),
        ("reflection", [1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3]),
        ("symmetric", [3, 3, 2, 1, 1, 2, 3, 3, 2, 1, 1]),
    ],
)
def test_how_an_image_goes_on_outside(padding: str, expected: list[float]) -> None:
    x = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 1, 1, 3)
    columns = torch.arange(-4.0, 7.0, dtype=torch.float64).reshape(1, 1, -1)
    for nearest in (True, False):
        y = sampled(x, torch.zeros_like(columns), columns, nearest=nearest, padding=padding, value=9.0)
        assert y.flatten().tolist() == expected
    upright = sampled(x.mT, columns.mT, torch.zeros_like(columns).mT, nearest=True, padding=padding, value=9.0)
    assert upright.flatten().tolist() == expected


@pytest.mark.parametrize("padding", ["reflection", "symmetric", "border"])
def test_an_image_of_one_pixel_goes_on_as_that(padding: str) -> None:
    at = torch.tensor([[[-2.0, -0.5, 0.0, 3.0]]], dtype=torch.float64)
    y = sampled(torch.full((1, 1, 1, 1), 7.0), at, at, nearest=False, padding=padding, value=0.0)
    assert y.flatten().tolist() == [7.0] * 4


@pytest.mark.parametrize("nearest", [True, False])
@pytest.mark.parametrize(
    ("padding", "torch_padding", "align"),
    [
        ("constant", "zeros", True),
        ("border", "border", True),
        ("reflection", "reflection", True),
        ("symmetric", "reflection", False),
    ],
)
def test_as_torch_samples(nearest: bool, padding: str, torch_padding: str, align: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=generator)
    at = torch.rand(2, 6, 7, 2, dtype=torch.float64, generator=generator) * 6 - 3
    expected = torch.nn.functional.grid_sample(x, at, "nearest" if nearest else "bilinear", torch_padding, align)
    pixels = [
        (at[..., side] + 1) / 2 * (size - 1) if align else ((at[..., side] + 1) * size - 1) / 2
        for side, size in ((1, 4), (0, 5))
    ]
    torch.testing.assert_close(sampled(x, *pixels, nearest=nearest, padding=padding, value=0.0), expected)
