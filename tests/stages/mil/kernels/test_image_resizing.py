"""Resizing, cropping, sampling: against torch, numpy and the values that Core ML gives (coremltools' own tests)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.kernels.image_resizing import (
    KERNELS,
    affine,
    crop,
    resample,
    resize,
    resize_bilinear,
    resize_nearest_neighbor,
    upsample_bilinear,
    upsample_nearest_neighbor,
)
from edgesmith_stages.mil.kernels.sampling import SAMPLING_MODES

from .calls import run
from .test_sampling import reference_grid

RAMP = np.arange(1.0, 17.0).reshape(1, 1, 4, 4)
IMAGE = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def bilinear(x: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """numpy's linear interpolation along the last axis, then along the one before."""
    x = np.apply_along_axis(lambda line: np.interp(columns, np.arange(line.size), line), -1, x)
    return np.apply_along_axis(lambda line: np.interp(rows, np.arange(line.size), line), -2, x)


@pytest.mark.parametrize("mode", SAMPLING_MODES)
@pytest.mark.parametrize(("height", "width"), [(10, 16), (3, 5), (5, 8), (1, 1), (7, 4), (1, 9)])
def test_resize_bilinear(mode: str, height: int, width: int) -> None:
    given = {"target_size_height": height, "target_size_width": width, "sampling_mode": mode, "compute": torch.float64}
    expected = bilinear(IMAGE.numpy(), reference_grid(5, height, mode), reference_grid(8, width, mode))
    np.testing.assert_allclose(run(resize_bilinear, x=IMAGE, **given).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("scale", [(2, 3), (2.5, 0.75), (1.3, 1.0)])
def test_upsample_bilinear_is_that_of_torch(align: bool, scale: tuple[float, float]) -> None:
    expected = torch.nn.functional.interpolate(
        IMAGE, scale_factor=scale, mode="bilinear", align_corners=align, recompute_scale_factor=True
    )
    given = {"scale_factor_height": scale[0], "scale_factor_width": scale[1], "compute": torch.float64}
    torch.testing.assert_close(run(upsample_bilinear, x=IMAGE, align_corners=align, **given), expected)


@pytest.mark.parametrize(
    ("align", "centers", "expected"),
    [
        (True, None, [1.0, 1.2, 1.4, 1.6, 1.8, 2.0]),
        (True, False, [1.0, 1.2, 1.4, 1.6, 1.8, 2.0]),
        (False, None, [1.0, 1.0, 4 / 3, 5 / 3, 2.0, 2.0]),
        (False, True, [1.0, 1.0, 4 / 3, 5 / 3, 2.0, 2.0]),
        (False, False, [1.0, 4 / 3, 5 / 3, 2.0, 2.0, 2.0]),
    ],
)
def test_half_pixel_centers(align: bool, centers: bool | None, expected: list[float]) -> None:
    given = {"scale_factor_height": 2, "scale_factor_width": 3, "align_corners": align, "half_pixel_centers": centers}
    y = run(upsample_bilinear, x=[[[[1.0, 2.0]]]], **given)
    np.testing.assert_allclose(y.numpy(), [[[expected, expected]]], rtol=1e-6)


def test_corners_and_centers_at_once_mean_nothing() -> None:
    with pytest.raises(UserError, match="align_corners and half_pixel_centers are both true"):
        run(upsample_bilinear, x=RAMP, align_corners=True, half_pixel_centers=True)


@pytest.mark.parametrize("scale", [(2, 3), (3.17, 0.67), (2.0, 1.12), (0.5, 1.5)])
def test_upsample_nearest_neighbor_is_that_of_torch(scale: tuple[float, float]) -> None:
    expected = torch.nn.functional.interpolate(IMAGE, scale_factor=scale, recompute_scale_factor=True)
    given = {"scale_factor_height": scale[0], "scale_factor_width": scale[1], "compute": torch.float64}
    assert torch.equal(run(upsample_nearest_neighbor, x=IMAGE, **given), expected)


def test_the_declared_size_wins_over_a_scale_that_lost_digits() -> None:
    """1.1 in half precision times 10 is less than 11."""
    given = {"x": np.ones((1, 1, 10)), "scale_factor_width": 1.1, "compute": torch.float16}
    assert run(upsample_nearest_neighbor, output=TensorType("fp16", (1, 1, 11)), **given).shape == (1, 1, 11)


@pytest.mark.parametrize(("height", "width"), [(10, 16), (3, 5), (25, 30), (1, 1)])
def test_resize_nearest_neighbor_has_half_pixel_centers(height: int, width: int) -> None:
    expected = torch.nn.functional.interpolate(IMAGE, size=(height, width), mode="nearest-exact")
    given = {"target_size_height": height, "target_size_width": width, "compute": torch.float64}
    assert torch.equal(run(resize_nearest_neighbor, x=IMAGE, **given), expected)


@pytest.mark.parametrize("mode", SAMPLING_MODES)
def test_resize_along_three_dimensions(mode: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    y = run(resize, x=x, shape=[6, 4, 7], resized_dims=3, sampling_mode=mode, compute=torch.float64)
    expected = bilinear(x, reference_grid(4, 4, mode), reference_grid(5, 7, mode))
    channels = reference_grid(3, 6, mode)
    expected = np.apply_along_axis(lambda line: np.interp(channels, np.arange(3), line), 1, expected)
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-12)


def test_resize_keeps_the_size_of_a_zero() -> None:
    x = torch.ones(1, 2, 3, 4)
    assert run(resize, x=x, shape=[1, 6, 8], resized_dims=2).shape == (1, 2, 6, 8)
    assert run(resize, x=x, shape=[9, 0, 8], resized_dims=2, interpolation_mode="NEAREST_NEIGHBOR").shape == (
        1,
        2,
        3,
        8,
    )


def test_resize_nearest_gives_what_core_ml_gives() -> None:
    given = {"shape": [1, 1, 3, 2], "resized_dims": 2, "interpolation_mode": "NEAREST_NEIGHBOR"}
    y = run(resize, x=[[[[-6.0], [9.0]]]], **given)
    assert y.flatten().tolist() == [-6, -6, 9, 9, 9, 9]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("DEFAULT", [0, 0, 1, 2, 2]),
        ("UNALIGN_CORNERS", [0, 0, 1, 2, 2]),
        ("STRICT_ALIGN_CORNERS", [0, 1, 1, 2, 2]),
        ("ALIGN_CORNERS", [0, 1, 1, 2, 2]),
        ("OFFSET_CORNERS", [0, 1, 1, 1, 2]),
    ],
)
def test_nearest_in_each_mode(mode: str, expected: list[int]) -> None:
    x = torch.arange(3, dtype=torch.int32)
    y = run(resize, x=x, shape=[5], resized_dims=1, interpolation_mode="NEAREST_NEIGHBOR", sampling_mode=mode)
    assert y.tolist() == expected


def test_integers_stay_integers() -> None:
    y = run(
        resize, x=torch.tensor([0, 10], dtype=torch.int32), shape=[5], resized_dims=1, sampling_mode="ALIGN_CORNERS"
    )
    assert y.dtype == torch.int32
    assert y.tolist() == [0, 2, 5, 8, 10]


def test_an_unknown_interpolation_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'LINEAR'"):
        run(resize, x=RAMP, shape=[2], resized_dims=1, interpolation_mode="LINEA")


def test_crop() -> None:
    assert run(crop, x=RAMP, crop_height=[0, 1], crop_width=[1, 1]).flatten().tolist() == [2, 3, 6, 7, 10, 11]
    assert run(crop, x=RAMP, crop_height=[0, 0], crop_width=[0, 0]).shape == (1, 1, 4, 4)


CROPS: list[tuple[dict[str, Any], list[float]]] = [
    ({"boxes": [[1, 1, 2, 2]], "size": 2}, [6, 7, 10, 11]),
    (
        {"boxes": [[1, 1, 2, 2]], "size": 4},
        [6, 19 / 3, 20 / 3, 7, 22 / 3, 23 / 3, 8, 25 / 3, 26 / 3, 9, 28 / 3, 29 / 3, 10, 31 / 3, 32 / 3, 11],
    ),
    ({"boxes": [[1, 1, 2, 2]], "size": 1}, [8.5]),
    ({"boxes": [[0, 0, 1 / 3, 1 / 3]], "size": 2, "normalized_coordinates": True}, [1, 2, 5, 6]),
    ({"boxes": [[2, 2, 1, 1]], "size": 2}, [11, 10, 7, 6]),
    (
        {
            "boxes": [[0.1, 0.3, 1.3, 1.0], [0.5, 1.8, 1.0, 0.3], [0.0, 0.4, 0.6, 0.7]],
            "size": 2,
            "normalized_coordinates": True,
            "pad_value": 10.0,
        },
        [3.1, 5.2, 10, 10, 10, 7.9, 10, 13.9, 2.2, 3.1, 9.4, 10.3],
    ),
]


@pytest.mark.parametrize(("given", "expected"), CROPS)
def test_crop_resize_gives_what_core_ml_gives(given: dict[str, Any], expected: list[float]) -> None:
    given = dict(given)
    boxes, size = np.array(given.pop("boxes"), dtype=np.float64), given.pop("size")
    common = {"x": RAMP, "target_height": size, "target_width": size, "sampling_mode": "ALIGN_CORNERS", **given}
    shape = (len(boxes), 1, size, size)
    new = run(KERNELS["crop_resize", 7], boxes=boxes, box_indices=[0] * len(boxes), **common)
    assert new.shape == shape
    np.testing.assert_allclose(new.flatten().numpy(), expected, rtol=1e-5)
    old = run(KERNELS["crop_resize", 5], roi=boxes[:, None, :, None, None], **common)
    assert torch.equal(old, new[:, None])
    indexed = np.concatenate([np.zeros((len(boxes), 1)), boxes], axis=1)[:, None, :, None, None]
    assert torch.equal(run(KERNELS["crop_resize", 5], roi=indexed, **common), old)


def test_boxes_without_an_index_are_taken_from_every_image() -> None:
    x = torch.arange(2.0).reshape(2, 1, 1, 1).expand(2, 3, 4, 4)
    roi = torch.zeros(5, 1, 4, 1, 1)
    y = run(KERNELS["crop_resize", 5], x=x, roi=roi, target_height=2, target_width=3)
    assert y.shape == (5, 2, 3, 2, 3)
    assert torch.equal(y[:, 1], torch.ones(5, 3, 2, 3))
    one = run(KERNELS["crop_resize", 7], x=x, boxes=torch.zeros(2, 4), target_height=2, target_width=3)
    assert one[:, 0, 0, 0].tolist() == [0, 1], "by default box i is of image i"


def test_no_boxes_give_no_crops() -> None:
    y = run(KERNELS["crop_resize", 7], x=RAMP, boxes=torch.zeros(0, 4), target_height=2, target_width=3)
    assert y.shape == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("mode", "box"),
    [
        ("CORNERS_HEIGHT_FIRST", [0.0, 1.0, 2.0, 3.0]),
        ("CORNERS_WIDTH_FIRST", [1.0, 0.0, 3.0, 2.0]),
        ("CENTER_SIZE_HEIGHT_FIRST", [1.0, 2.0, 2.0, 2.0]),
        ("CENTER_SIZE_WIDTH_FIRST", [2.0, 1.0, 2.0, 2.0]),
    ],
)
def test_ways_to_write_a_box(mode: str, box: list[float]) -> None:
    given = {"x": RAMP, "target_height": 3, "target_width": 3, "sampling_mode": "STRICT_ALIGN_CORNERS"}
    y = run(KERNELS["crop_resize", 7], boxes=[box], box_coordinate_mode=mode, **given)
    assert y[0, 0].tolist() == RAMP[0, 0, 0:3, 1:4].tolist()
    half = run(
        KERNELS["crop_resize", 7], boxes=2 * np.array([box]), box_coordinate_mode=mode, spatial_scale=0.5, **given
    )
    assert torch.equal(half, y)


@pytest.mark.parametrize("mode", SAMPLING_MODES)
def test_a_box_of_the_whole_image_is_a_resize(mode: str) -> None:
    common = {"x": IMAGE[:1], "sampling_mode": mode, "compute": torch.float64}
    y = run(KERNELS["crop_resize", 7], boxes=[[0, 0, 4, 7]], target_height=7, target_width=3, **common)
    expected = run(resize_bilinear, target_size_height=7, target_size_width=3, **common)
    torch.testing.assert_close(y, expected)


SQUARE = np.array([11.0, 22.0, 33.0, 44.0]).reshape(1, 1, 2, 2)
OUTSIDE = np.array([-1.0, -2.0, -3.7, -1.0, 0.0, 0.0, 3.5, 1.2]).reshape(1, 2, 2, 2)


@pytest.mark.parametrize(
    ("sampling", "padding", "value", "coordinates", "align", "expected"),
    [
        ("bilinear", "constant", 6.17, "normalized_minus_one_to_one", True, [8.585, 6.17, 27.5, 6.17]),
        ("nearest", "border", -1.0, "unnormalized", False, [11, 11, 11, 44]),
        ("bilinear", "reflection", -1.0, "normalized_zero_to_one", True, [22, 36.3, 11, 34.1]),
        ("nearest", "symmetric", -1.0, "normalized_zero_to_one", False, [22, 33, 11, 33]),
    ],
)
def test_resample_gives_what_core_ml_gives(
    sampling: str, padding: str, value: float, coordinates: str, align: bool, expected: list[float]
) -> None:
    given = {"sampling_mode": sampling, "padding_mode": padding, "padding_value": value, "align_corners": align}
    y = run(resample, x=SQUARE, coordinates=OUTSIDE, coordinates_mode=coordinates, **given)
    np.testing.assert_allclose(y.flatten().numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32])
def test_resample_at_integers(dtype: torch.dtype) -> None:
    at = torch.tensor([0, 0, 1, 1, 1, 0, 0, 1], dtype=dtype).reshape(1, 2, 2, 2)
    given = {"sampling_mode": "bilinear", "padding_mode": "border", "padding_value": 0.0, "align_corners": False}
    y = run(resample, x=SQUARE, coordinates=at, coordinates_mode="unnormalized", **given)
    assert y.flatten().tolist() == [11, 44, 22, 33]


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (3, 3, [10.752501, 2.5025, 0, 1.9799997, 0, 0, 0, 0, 0]),
        (2, 5, [10.752501, 5.94, 2.5025, 0.44000006, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_affine_gives_what_core_ml_gives(height: int, width: int, expected: list[float]) -> None:
    given = {
        "transform_matrix": [[-1.0, -2.0, -3.7, -1.0, 3.5, 1.2]],
        "sampling_mode": "bilinear",
        "padding_mode": "constant",
        "padding_value": 0.0,
        "coordinates_mode": "normalized_minus_one_to_one",
        "align_corners": True,
    }
    y = run(affine, x=SQUARE, output_height=height, output_width=width, **given)
    np.testing.assert_allclose(y.flatten().numpy(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("matrices", [1, 2])
def test_affine_is_torchs_grid_and_sample(align: bool, matrices: int) -> None:
    matrix = torch.randn(matrices, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    at = torch.nn.functional.affine_grid(matrix.reshape(-1, 2, 3).expand(2, 2, 3), [2, 3, 6, 4], align)
    expected = torch.nn.functional.grid_sample(IMAGE, at, "bilinear", "zeros", align)
    given = {"sampling_mode": "bilinear", "padding_mode": "constant", "padding_value": 0.0, "align_corners": align}
    given |= {"coordinates_mode": "normalized_minus_one_to_one", "output_height": 6, "output_width": 4}
    y = run(affine, x=IMAGE, transform_matrix=matrix, compute=torch.float64, **given)
    torch.testing.assert_close(y, expected)


def test_affine_takes_modes_in_capitals() -> None:
    """As coremltools does, of this operation."""
    given = {"sampling_mode": "bilinear", "padding_mode": "constant", "coordinates_mode": "normalized_minus_one_to_one"}
    common = {"x": SQUARE, "transform_matrix": [[1.0, 0, 0, 0, 1, 0]], "align_corners": True}
    capitals = {name: mode.upper() for name, mode in given.items()}
    size = {"output_height": 2, "output_width": 2}
    assert torch.equal(run(affine, **common, **size, **capitals), run(affine, **common, **size, **given))


@pytest.mark.parametrize(
    ("name", "mode", "wanted"),
    [
        ("sampling_mode", "BILINEAR", "bilinear"),
        ("padding_mode", "mirror", "border"),
        ("coordinates_mode", "normalized", "unnormalized"),
    ],
)
def test_a_mode_that_resample_does_not_know_is_named(name: str, mode: str, wanted: str) -> None:
    given: dict[str, Any] = {
        "x": SQUARE,
        "coordinates": torch.zeros(1, 1, 1, 2),
        "sampling_mode": "bilinear",
        "padding_mode": "constant",
        "padding_value": 0.0,
        "coordinates_mode": "unnormalized",
        "align_corners": True,
    }
    with pytest.raises(UserError, match=rf"unknown {name} '{mode}'.*{wanted}"):
        run(resample, **given | {name: mode})
