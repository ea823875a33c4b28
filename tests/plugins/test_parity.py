"""Figures of likeness."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import InputContract, Runtime, StageFailed
from edgesmith.parity import MAX_DB, Parity, agreement, outputs_of, probe_images, relative_l2, sqnr_db

ROWS = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 0.0]], np.float32)


@given(st.floats(1e-4, 1e3))
def test_sqnr_is_the_noise_ratio_in_decibels(share: float) -> None:
    """Noise of a tenth is 20 dB, whatever the scale of the outputs."""
    assert sqnr_db(ROWS, ROWS * (1 + share)) == pytest.approx(-20 * math.log10(share), abs=0.05)
    assert sqnr_db(ROWS * 1000, ROWS * 1000 * (1 + share)) == pytest.approx(-20 * math.log10(share), abs=0.05)


def test_sqnr_stays_finite() -> None:
    """Equal outputs, and outputs that aren't numbers, are capped."""
    assert sqnr_db(ROWS, ROWS) == MAX_DB
    assert sqnr_db(ROWS, np.full_like(ROWS, np.nan)) == -MAX_DB
    assert sqnr_db(ROWS, np.full_like(ROWS, np.inf)) == -MAX_DB
    assert sqnr_db(ROWS * 0, ROWS) == -MAX_DB
    assert sqnr_db(ROWS * 0, ROWS * 0) == MAX_DB


def test_relative_l2_is_the_same_noise() -> None:
    """40 dB is one hundredth."""
    assert relative_l2(ROWS, ROWS * np.float32(1.01)) == pytest.approx(0.01, rel=1e-4)


def test_agreement_counts_equal_answers() -> None:
    """One of two rows keeps its largest element."""
    assert agreement(ROWS, ROWS) == 1
    assert agreement(ROWS, np.array([[0, 0, 1], [0, 1, 0]], np.float32)) == 0.5


def test_shapes_must_match() -> None:
    """A dropped row is no parity."""
    with pytest.raises(ValueError, match=r"\[2, 3\] and \[1, 3\]"):
        sqnr_db(ROWS, ROWS[:1])


def test_requiring_a_bar() -> None:
    """Under the bar is an error that gives the figures and what to do."""
    parity = Parity.of(ROWS, ROWS * np.float32(1.1))
    parity.require(19.9, "the file")
    with pytest.raises(StageFailed, match=r"the file .* SQNR 20.0 dB, expected at least 60") as caught:
        parity.require(60, "the file")
    assert "min_sqnr" in str(caught.value)
    assert parity.figures() == {"sqnr_db": parity.sqnr_db, "rel_l2": parity.rel_l2, "agreement": 1.0}


def test_probe_images_repeat_and_begin_with_the_golden_ones() -> None:
    """Same seed, same noise."""
    contract, golden = InputContract(size=(4, 6)), np.zeros((2, 4, 6, 3), np.uint8)
    images = probe_images(contract, golden, seed=1)
    assert images.shape == (5, 4, 6, 3)
    assert not images[:2].any()
    assert np.array_equal(images, probe_images(contract, golden, seed=1))
    assert not np.array_equal(images, probe_images(contract, golden, seed=2))


def test_outputs_come_in_whole_batches() -> None:
    """Five rows by two are four."""

    class Sizes(Runtime):
        def predict(self, batch: np.ndarray) -> np.ndarray:
            return np.full((len(batch), 1), len(batch), np.float32)

    pixels = np.zeros((5, 4, 4, 3), np.uint8)
    assert outputs_of(Sizes(), InputContract(size=(4, 4)), pixels, batch=2).ravel().tolist() == [2, 2, 2, 2]
