"""Described inputs and outputs: which arrays are taken, and what they become."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.dtypes import held
from edgesmith_stages.mil.features import Features
from edgesmith_stages.mil.program import read_function

from .packages import model, operation

HELD = partial(held, mode="declared")
COLORS = {"GRAYSCALE": 10, "RGB": 20, "BGR": 30}


def spec_of(declared: TensorType) -> Any:
    return model({"x": declared}, ["y"], operation("identity", {"y": declared}, x="%x"))


def features(spec: Any) -> Features:
    return Features.read(spec, read_function(spec))


def taken(spec: Any, array: Any) -> torch.Tensor:
    """What an array becomes."""
    return features(spec).tensors({"x": array}, HELD)["x"]


def image(color: str, height: int | None = 2, width: int | None = 4) -> Any:
    """A model with an image input, 2 x 4 by default."""
    spec = spec_of(TensorType("fp32", (1, 1 if color == "GRAYSCALE" else 3, height, width)))
    spec.description.input[0].type.ClearField("multiArrayType")
    described = spec.description.input[0].type.imageType
    described.height, described.width, described.colorSpace = height or 2, width or 4, COLORS[color]
    return spec


def test_an_array_of_fixed_shape() -> None:
    """That shape alone; numbers of any width."""
    spec = spec_of(TensorType("fp32", (2, 3)))
    assert taken(spec, np.ones((2, 3), np.float64)).dtype == torch.float32
    with pytest.raises(UserError, match=r"'x' has the shape \[3, 2\], expected \[2, 3\]"):
        taken(spec, np.ones((3, 2)))
    with pytest.raises(UserError, match=r"'x' is not given, expected \[2, 3\]"):
        features(spec).tensors({}, HELD)
    with pytest.raises(UserError, match="unknown input 'z'"):
        features(spec).tensors({"z": np.ones(2)}, HELD)


def test_enumerated_shapes() -> None:
    """The default one and those listed."""
    spec = spec_of(TensorType("fp32", (1, None)))
    array = spec.description.input[0].type.multiArrayType
    array.shape[:] = [1, 4]
    for size in (4, 8):
        array.enumeratedShapes.shapes.add().shape.extend([1, size])
    assert taken(spec, np.ones((1, 8))).shape == (1, 8)
    with pytest.raises(UserError, match=r"\[1, 6\], expected \[1, 4\] or \[1, 8\]"):
        taken(spec, np.ones((1, 6)))


def test_ranges() -> None:
    """Both ends are valid; an upper bound below zero is none."""
    spec = spec_of(TensorType("fp32", (1, None, None)))
    array = spec.description.input[0].type.multiArrayType
    array.shape[:] = [1, 4, 4]
    for low, high in ((1, 1), (2, 8), (3, -1)):
        array.shapeRange.sizeRanges.add(lowerBound=low, upperBound=high)
    for shape in ((1, 2, 3), (1, 8, 999)):
        assert taken(spec, np.ones(shape)).shape == shape
    with pytest.raises(UserError, match=r"expected \[1, 2 to 8, 3 to any\]"):
        taken(spec, np.ones((1, 9, 3)))


@pytest.mark.parametrize("color", COLORS)
def test_images(color: str) -> None:
    """Pixels are RGB by rows; the program gets planes in its own order, 0 to 255."""
    channels = 1 if color == "GRAYSCALE" else 3
    pixels = np.arange(8 * channels, dtype=np.uint8).reshape(1, 2, 4, channels)
    wanted = np.moveaxis(pixels, 3, 1)
    if color == "BGR":
        wanted = np.flip(wanted, 1)
    found = taken(image(color), pixels)
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found.numpy(), wanted)
    np.testing.assert_array_equal(taken(image(color), wanted.astype(np.float32)).numpy(), wanted)


def test_image_sizes() -> None:
    """Listed or in ranges."""
    spec = image("RGB", None, None)
    spec.description.input[0].type.imageType.enumeratedSizes.sizes.add(height=6, width=8)
    assert taken(spec, np.zeros((1, 6, 8, 3), np.uint8)).shape == (1, 3, 6, 8)
    with pytest.raises(UserError, match=r"expected \[1, 3, 2, 4\] or \[1, 3, 6, 8\]"):
        taken(spec, np.zeros((1, 8, 6, 3), np.uint8))
    ranges = spec.description.input[0].type.imageType.imageSizeRange
    ranges.heightRange.lowerBound, ranges.heightRange.upperBound = 2, 5
    ranges.widthRange.lowerBound, ranges.widthRange.upperBound = 4, -1
    assert taken(spec, np.zeros((1, 5, 70, 3), np.uint8)).shape == (1, 3, 5, 70)
    with pytest.raises(UserError, match=r"expected \[1, 3, 2 to 5, 4 to any\]"):
        taken(spec, np.zeros((1, 6, 8, 3), np.uint8))


def test_dtypes() -> None:
    """Floats are rounded to a half input's values; they are no integers."""
    assert taken(spec_of(TensorType("fp16", (1,))), np.array([0.1])).item() == np.float16(0.1)
    assert taken(spec_of(TensorType("int32", (1,))), np.array([3])).dtype == torch.int32
    with pytest.raises(UserError, match="has dtype float32, expected int32"):
        taken(spec_of(TensorType("int32", (1,))), np.ones(1, np.float32))
    with pytest.raises(UserError, match="has dtype complex128, expected fp32"):
        taken(spec_of(TensorType("fp32", (1,))), np.ones(1, complex))


def test_scalars_and_optional_inputs() -> None:
    """The format describes a scalar as [1]; an optional input has a default."""
    spec = spec_of(TensorType("fp32"))
    assert taken(spec, np.ones(1)).shape == ()
    spec = spec_of(TensorType("fp32", (2,)))
    spec.description.input[0].type.isOptional = True
    spec.description.input[0].type.multiArrayType.floatDefaultValue = 1.5
    assert features(spec).tensors({}, HELD)["x"].tolist() == [1.5, 1.5]


def test_contradictions() -> None:
    """Description and program must agree."""
    spec = spec_of(TensorType("fp32", (2, 3)))
    spec.description.input[0].type.multiArrayType.shape[0] = 1 << 40
    with pytest.raises(UserError, match=r"described with the shape \[1099511627776, 3\], its program takes \[2, 3\]"):
        features(spec)
    spec = spec_of(TensorType("fp32", (2, 3)))
    spec.description.input[0].name = "other"
    with pytest.raises(UserError, match=r"describes the inputs \['other'\], its program has \['x'\]"):
        features(spec)
    spec = spec_of(TensorType("fp32", (2, 3)))
    spec.description.output[0].name = "other"
    with pytest.raises(UserError, match=r"describes the outputs \['other'\], its program gives \['y'\]"):
        features(spec)
    spec = image("RGB")
    spec.description.input[0].type.imageType.colorSpace = 0
    with pytest.raises(UserError, match="colour space INVALID"):
        features(spec)
    spec.description.input[0].type.stringType.SetInParent()
    with pytest.raises(UserError, match="neither an array nor an image"):
        features(spec)
