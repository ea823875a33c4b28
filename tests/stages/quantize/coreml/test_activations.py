"""Scales and zero points of int8 ranges."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgesmith_stages.quantize.coreml.activations import LEAST_SCALE, scale_and_zero

VALUES = st.floats(-60_000, 60_000)


def requantised(value: float, scale: float, zero: int | None) -> float:
    level = np.clip(np.round(value / scale) + (zero or 0), -128, 127)
    return float((level - (zero or 0)) * scale)


@given(VALUES, VALUES, st.booleans())
def test_a_range_holds_its_ends_and_zero(a: float, b: float, symmetric: bool) -> None:
    """Each within a step; zero exactly, so that padding and ReLU stay what they are."""
    low, high = sorted((a, b))
    scale, zero = scale_and_zero(low, high, symmetric)
    assert scale >= LEAST_SCALE
    assert zero is None or -128 <= zero <= 127
    assert requantised(0.0, scale, zero) == 0
    for value in (low, high):
        assert abs(requantised(value, scale, zero) - value) <= 1.001 * scale


def test_known_ranges() -> None:
    """A ReLU6, with half of the levels and with all."""
    assert scale_and_zero(0, 6, True) == (6 / 127, None)
    assert scale_and_zero(0, 6, False) == (6 / 255, -128)
    assert scale_and_zero(-64, 63.5, False) == (0.5, 0)
