"""Ranges that are cut by histogram."""

from __future__ import annotations

import numpy as np
import pytest

from edgesmith_stages.quantize.coreml.histograms import BINS, entropy, percentile

NUMBERS = np.random.default_rng(0)


def histogram(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Counts in BINS equal bins, and the extremes."""
    low, high = float(values.min()), float(values.max())
    return np.histogram(values, BINS, (low, high))[0].astype(np.float64), low, high


def test_percentile_keeps_all_but_one_in_ten_thousand() -> None:
    """Half of these on each side, to a bin; what is within stays."""
    values = NUMBERS.normal(size=200_000)
    counts, low, high = histogram(values)
    least, most = percentile(counts, low, high)
    assert low < least < np.quantile(values, 0.0002)
    assert np.quantile(values, 0.9998) < most < high
    assert 0.9998 < ((values >= least) & (values <= most)).mean() < 1


def test_percentile_of_few_values_is_their_whole_range() -> None:
    """None of a thousand is one of ten thousand."""
    counts, low, high = histogram(NUMBERS.uniform(-3, 5, 1000))
    assert percentile(counts, low, high) == (low, high)


@pytest.mark.parametrize("sign", [1, -1])
def test_entropy_cuts_a_far_outlier_off(sign: int) -> None:
    """On the side where it is; the other end stays."""
    values = NUMBERS.normal(size=100_000)
    far = np.append(values, sign * 100.0)
    least, most = entropy(*histogram(far))
    assert 3 < max(-least, most) < 20
    assert min(-least, most) == pytest.approx(min(-far.min(), far.max()))


def test_entropy_keeps_a_range_that_is_used_evenly() -> None:
    """There is nothing to gain from a cut."""
    counts, low, high = histogram(NUMBERS.uniform(0, 6, 100_000))
    least, most = entropy(counts, low, high)
    assert least == pytest.approx(low)
    assert most > 5.7


def test_entropy_is_not_swayed_by_zeros() -> None:
    """After a ReLU half of all values are zero, exact under any range."""
    values = np.maximum(NUMBERS.normal(size=100_000), 0)
    some = entropy(*histogram(values))
    more = entropy(*histogram(np.append(values, np.zeros(900_000))))
    assert more[1] == pytest.approx(some[1], rel=0.3)
