"""Which shapes an input may have: one, some, or all within ranges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgesmith import UserError
from edgesmith_stages.mil.call import Shape
from edgesmith_stages.mil.valuetypes import MAX_ELEMENTS, describe


@dataclass(frozen=True)
class Sizes:
    """Valid shapes of an input.

    Attributes:
        default: the shape it is described with.
        shapes: the valid shapes, where they are listed; the default one alone where nothing is flexible.
        ranges: smallest and largest size by axis, both valid, where they are not; None for no upper bound.
    """

    default: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...] = ()
    ranges: tuple[tuple[int, int | None], ...] = ()

    def allow(self, shape: Sequence[int]) -> bool:
        """Whether a shape is valid."""
        if not self.ranges:
            return tuple(shape) in self.shapes
        return len(shape) == len(self.ranges) and all(
            low <= size and (high is None or size <= high) for size, (low, high) in zip(shape, self.ranges, strict=True)
        )

    def __str__(self) -> str:
        if not self.ranges:
            return " or ".join(describe(shape) for shape in self.shapes)
        parts = (f"{low}" if low == high else f"{low} to {high or 'any'}" for low, high in self.ranges)
        return "[" + ", ".join(parts) + "]"


def array_sizes(message: Any, declared: Shape) -> Sizes:
    """Read an `ArrayFeatureType` message; raise UserError if the program's own shape, `declared`, excludes it."""
    default = tuple(int(size) for size in message.shape)
    if declared == ():
        return Sizes((), ((),))
    if message.WhichOneof("ShapeFlexibility") == "enumeratedShapes":
        listed = [tuple(int(size) for size in one.shape) for one in message.enumeratedShapes.shapes]
        return _checked(Sizes(default, tuple(dict.fromkeys([default, *listed]))), declared)
    if message.WhichOneof("ShapeFlexibility") == "shapeRange":
        ranges = tuple(_range(one) for one in message.shapeRange.sizeRanges)
        return _checked(Sizes(default, ranges=ranges), declared)
    return _checked(Sizes(default, (default,)), declared)


def image_sizes(message: Any, declared: Shape) -> Sizes:
    """Read an `ImageFeatureType` message: shapes are [N, C, H, W]."""
    batch, channels = (size or 1 for size in declared[:2])
    default = (batch, channels, int(message.height), int(message.width))
    if message.WhichOneof("SizeFlexibility") == "enumeratedSizes":
        listed = [(batch, channels, int(one.height), int(one.width)) for one in message.enumeratedSizes.sizes]
        return _checked(Sizes(default, tuple(dict.fromkeys([default, *listed]))), declared)
    if message.WhichOneof("SizeFlexibility") == "imageSizeRange":
        sides = (message.imageSizeRange.heightRange, message.imageSizeRange.widthRange)
        ranges = ((batch, batch), (channels, channels), *(_range(one) for one in sides))
        return _checked(Sizes(default, ranges=ranges), declared)
    return _checked(Sizes(default, (default,)), declared)


def _range(message: Any) -> tuple[int, int | None]:
    high = int(message.upperBound)
    return int(message.lowerBound), None if high < 0 else high


def _checked(sizes: Sizes, declared: Shape) -> Sizes:
    """Refuse sizes that the program's own type excludes, and absurd ones."""
    for shape in (sizes.default, *sizes.shapes):
        same = len(shape) == len(declared) and all(b in (a, None) for a, b in zip(shape, declared, strict=True))
        if not same or math.prod(shape) > MAX_ELEMENTS or min(shape) < 0:
            raise UserError(
                f"the package is damaged: an input is described with the shape {list(shape)}, its program takes "
                f"{describe(declared)}"
            )
    if sizes.ranges and len(sizes.ranges) != len(declared):
        raise UserError(f"the package is damaged: an input has {len(sizes.ranges)} ranges, its rank is {len(declared)}")
    return sizes
