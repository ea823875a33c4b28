"""Comparing outputs."""

from __future__ import annotations

import numpy as np
import pytest

from edgesmith import InputContract, StageFailed
from edgesmith_openvino.parity import MAX_DB, Parity, probe_images

REFERENCE = np.array([[3, 0], [0, 4]], np.float32)


@pytest.mark.parametrize(
    ("outputs", "sqnr", "agreement"),
    [
        (REFERENCE, MAX_DB, 1.0),
        (REFERENCE * np.float32(1.1), 20.0, 1.0),
        (REFERENCE[::-1], -3.0, 0.0),
        (np.full_like(REFERENCE, np.nan), -MAX_DB, 0.5),
    ],
    ids=["equal", "a tenth off", "swapped", "not numbers"],
)
def test_figures(outputs: np.ndarray, sqnr: float, agreement: float) -> None:
    """Decibels of signal over noise; share of equal answers."""
    found = Parity.of(REFERENCE, outputs)
    assert found.sqnr_db == pytest.approx(sqnr, abs=0.05)
    assert found.agreement == agreement


def test_under_the_bar_is_an_error_that_says_by_how_much() -> None:
    """And what can be done."""
    with pytest.raises(StageFailed, match=r"the file does not compute.*20.0 dB, expected at least 60.*\n.*min_sqnr"):
        Parity.of(REFERENCE, REFERENCE * np.float32(1.1)).require(60, "the file")


def test_other_shapes_are_an_error() -> None:
    """A classifier that lost a class."""
    with pytest.raises(StageFailed, match=r"shape \[2, 1\], its source \[2, 2\]"):
        Parity.of(REFERENCE, REFERENCE[:, :1])


def test_probe_images_are_the_golden_ones_and_seeded_noise() -> None:
    """The same for the same seed."""
    golden = np.zeros((2, 4, 4, 3), np.uint8)
    first, again, other = (probe_images(InputContract(size=(4, 4)), golden, seed) for seed in (0, 0, 1))
    assert first.shape == (5, 4, 4, 3) and not first[:2].any()
    assert (first == again).all() and (first != other).any()
