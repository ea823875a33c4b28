"""Evidence that may be looked at after every pair."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesmith_flows.nightly.evidence import interval, wealth

LOGS = st.floats(-2, 2)


@given(st.lists(LOGS, min_size=1, max_size=30), LOGS)
def test_over_both_signs_of_a_value_nobody_makes_money_on_average(values, border):
    """Why one may look whenever one likes: the next value, on either side at equal chance, changes nothing."""
    *before, last = values
    up, down = wealth([*before, border + last], border), wealth([*before, border - last], border)
    assert (up + down) / 2 <= wealth(before, border) * (1 + 1e-9)


@given(st.lists(LOGS, max_size=30), LOGS)
def test_wealth_is_never_negative_and_grows_as_the_border_falls(values, border):
    assert 0 <= wealth(values, border) <= wealth(values, border - 0.5) * (1 + 1e-9) + 1e-12


def test_no_values_are_no_evidence():
    assert wealth([], 0.1) == 1


def test_false_alarms_stay_under_their_bound_however_often_one_looks():
    chance = random.Random(0)
    alarms = 0
    for _ in range(200):
        values: list[float] = []
        alarm = False
        while len(values) < 40 and not alarm:
            values.append(chance.gauss(0, 0.02) * (10 if chance.random() < 0.1 else 1))
            alarm = wealth(values, 0.0) >= 20
        alarms += alarm
    assert alarms <= 200 / 20


def test_one_wild_value_is_no_proof():
    assert wealth([5.0], 0.0) <= 2.0
    assert wealth([0.0] * 10 + [5.0], 0.0) <= 2.0


def test_the_interval_holds_the_centre_and_narrows():
    chance = random.Random(1)
    values = [0.05 + chance.gauss(0, 0.01) for _ in range(60)]
    few, many = interval(values[:12], 0.99), interval(values, 0.99)
    assert few[0] < 0.05 < few[1]
    assert many[0] < 0.05 < many[1]
    assert many[1] - many[0] < few[1] - few[0] < 0.2


@pytest.mark.parametrize("ratio", [0.25, 0.97, 1.05, 1.5, 4.0, 20.0])
def test_bounds_lie_around_what_was_seen_wherever_that_is(ratio):
    low, high = interval([math.log(ratio)] * 12, 0.99)
    assert math.log(ratio) - 0.2 < low < math.log(ratio) < high < math.log(ratio) + 0.2


def test_few_values_bound_nothing():
    assert interval([0.5] * 6, 0.99) == (-math.inf, math.inf)
    assert interval([], 0.99) == (-math.inf, math.inf)
