"""Figures of likeness."""

from __future__ import annotations

import numpy as np
import pytest
from edgesmith_executorch.compare import MAX_DB, compare, require

from edgesmith import StageFailed

ONES = np.eye(2, dtype=np.float32)


def test_equal_outputs_have_the_highest_finite_figure():
    assert compare(ONES, ONES) == {"sqnr_db": MAX_DB, "agreement": 1}


def test_noise_of_a_tenth_is_twenty_decibels():
    assert compare(ONES, ONES * np.float32(0.9))["sqnr_db"] == pytest.approx(20, abs=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_no_numbers_have_the_lowest(value):
    assert compare(ONES, np.full_like(ONES, value))["sqnr_db"] == -MAX_DB


def test_agreement_counts_rows():
    assert compare(ONES, ONES[[0, 0]])["agreement"] == 0.5


def test_under_the_bar_is_a_failure_that_says_so():
    with pytest.raises(StageFailed, match=r"SQNR 20\.0 dB, expected at least 30"):
        require(compare(ONES, ONES * np.float32(0.9)), 30)
