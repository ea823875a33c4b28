"""Intervals hold what they say they hold: on values with a known truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesmith.estimates import FEWEST, FEWEST_IN_TIME, bootstrap, centre, change, paired_difference, trend

LOGS = st.floats(-1, 1)
TRIES = 150


def alike(chance, count, likeness):
    """Noise in time whose neighbours are alike: an autoregressive process of order 1."""
    noise = chance.normal(0, 1, count + 50)
    for i in range(1, len(noise)):
        noise[i] += likeness * noise[i - 1]
    return noise[50:]


def holding(estimates, truth):
    """The share of intervals that hold the truth; one that isn't given claims nothing."""
    return np.mean([one is None or one.low <= truth <= one.high for one in estimates])


def test_the_centre_shrugs_off_what_is_far_away():
    assert centre([1.0, 1.1, 0.9, 1.0, 50.0]) == pytest.approx(1.05, abs=0.06)
    assert centre([]) == 0


class TestBootstrap:
    @pytest.mark.parametrize("count", [5, 10])
    @pytest.mark.parametrize("noise", ["normal", "long tails", "two modes"])
    def test_it_holds_the_truth_as_often_as_it_says(self, count, noise):
        chance = np.random.default_rng(count)
        draw = {
            "normal": lambda: chance.normal(0, 0.05, count),
            "long tails": lambda: 0.05 * chance.standard_t(3, count),
            "two modes": lambda: chance.normal(0, 0.01, count) + 0.1 * (chance.random(count) < 0.5) - 0.05,
        }[noise]
        assert holding([bootstrap(0.2 + draw(), 0.95, seed) for seed in range(30)], 0.2) >= 0.85

    def test_more_processes_narrow_it(self):
        chance = np.random.default_rng(0)
        values = chance.normal(0, 0.1, 24)
        few, many = bootstrap(values[:8], 0.95, 0), bootstrap(values, 0.95, 0)
        assert many.high - many.low < 0.7 * (few.high - few.low)

    @settings(max_examples=10)
    @given(st.lists(LOGS, min_size=FEWEST, max_size=12), st.integers(0, 3))
    def test_it_repeats_itself_and_holds_its_own_centre(self, values, seed):
        made = bootstrap(values, 0.9, seed)
        assert made == bootstrap(values, 0.9, seed)
        assert min(values) - 1e-12 <= made.low <= made.value + 1e-12
        assert made.value - 1e-12 <= made.high <= max(values) + 1e-12

    def test_too_few_values_are_refused(self):
        with pytest.raises(ValueError, match="4 values are too few"):
            bootstrap([0.0] * 4, 0.95, 0)


class TestPairedDifference:
    @pytest.mark.parametrize(("total", "rate"), [(50, 0.1), (360, 0.0), (360, 0.02)])
    def test_it_holds_the_truth_as_often_as_it_says(self, total, rate):
        chance = np.random.default_rng(total)
        pairs = zip(chance.binomial(total, rate, 1000), chance.binomial(total, 1.5 * rate, 1000), strict=True)
        assert holding([paired_difference(int(up), int(down), total, 0.95) for up, down in pairs], -rate / 2) >= 0.94

    def test_no_difference_on_few_images_proves_little(self):
        few, many = paired_difference(0, 0, 50, 0.95), paired_difference(0, 0, 5000, 0.95)
        assert few.value == many.value == 0
        assert few.low < -0.03 < many.low < 0

    @given(st.integers(0, 40), st.integers(0, 40), st.integers(80, 400))
    def test_gains_and_losses_mirror_each_other(self, gained, lost, total):
        made, mirrored = (paired_difference(*pair, total, 0.95) for pair in ((gained, lost), (lost, gained)))
        assert (made.value, made.low, made.high) == pytest.approx((-mirrored.value, -mirrored.high, -mirrored.low))
        assert made.low < made.high


class TestInTime:
    @pytest.mark.parametrize("count", [20, 60])
    @pytest.mark.parametrize("likeness", [0.0, 0.3, 0.6])
    def test_noise_that_hangs_together_is_neither_trend_nor_change(self, count, likeness):
        chance = np.random.default_rng(count)
        noise = [alike(chance, count, likeness) for _ in range(TRIES)]
        assert holding([trend(range(count), one, 0.95) for one in noise], 0) >= 0.9
        assert holding([change(one, 0.95) for one in noise], 0) >= 0.9

    def test_a_trend_is_found_with_its_slope(self):
        chance = np.random.default_rng(0)
        places = np.arange(60) * 5.0
        made = trend(places, 100 + 0.02 * places + chance.normal(0, 0.5, 60), 0.99)
        assert made is not None
        assert 0 < made.low < 0.02 < made.high < 0.04

    def test_one_step_is_no_trend_but_a_change(self):
        """Memory that grows once has not leaked; a processor that slows down once has."""
        chance = np.random.default_rng(0)
        values = np.where(np.arange(60) < 12, 1.0, 1.3) + chance.normal(0, 0.01, 60)
        grown, slower = trend(range(60), values, 0.99), change(values, 0.99)
        assert grown is not None and slower is not None
        assert grown.low <= 0.001
        assert 0.25 < slower.low < 0.3 < slower.high < 0.35

    def test_what_never_changes_has_no_trend(self):
        assert trend(range(20), [7.0] * 20, 0.99) == change([7.0] * 20, 0.99)

    def test_few_values_say_nothing(self):
        few = [float(i) for i in range(FEWEST_IN_TIME - 1)]
        assert trend(few, few, 0.95) is change(few, 0.95) is None
