"""When a test stops, and what it says: on pairs with a known truth. Real models: benchmarks/nightly."""

import math
import random

import pytest

from edgesmith_flows.nightly.latency import LatencyRule, judge, sequential_test
from edgesmith_flows.nightly.paired import Pair

RULE = LatencyRule()


def pairs(share, noise, seed, *, clock_noise=None, memory=0.0, waits=0.0):
    """A source of pairs whose truth is `share`, with normal noise on the log."""
    chance = random.Random(seed)
    count = [0]

    def measure():
        count[0] += 1
        work = chance.gauss(share, noise)
        return Pair(work + waits + chance.gauss(0, clock_noise or noise), work, chance.gauss(memory, 0.002))

    return measure, count


@pytest.mark.parametrize(("share", "outcome"), [(0.0, "fine"), (0.0488, "regressed"), (0.0953, "regressed")])
def test_the_verdict_is_right_in_nearly_all_nights(share, outcome):
    outcomes = [judge(pairs(share, 0.02, seed, clock_noise=0.06)[0], RULE).outcome for seed in range(20)]
    assert outcomes.count(outcome) >= 19


def test_what_is_plain_takes_few_pairs_and_what_is_noisy_more():
    quiet, noisy = pairs(0.0, 0.003, 1), pairs(0.0, 0.04, 1)
    assert sequential_test(quiet[0], RULE).pairs < sequential_test(noisy[0], RULE).pairs
    assert quiet[1][0] < 12


def test_an_alarm_takes_two_tests_with_pairs_of_their_own():
    measure, count = pairs(0.2, 0.01, 0)
    verdict = judge(measure, RULE)
    assert verdict.outcome == "regressed"
    assert len(verdict.tests) == 2
    assert count[0] == sum(test.pairs for test in verdict.tests)


def test_what_the_second_test_does_not_find_again_is_no_alarm():
    slow, fine = pairs(0.2, 0.01, 0)[0], pairs(0.0, 0.01, 0)[0]
    taken = []

    def once():
        taken.append(1)
        return slow() if len(taken) <= 8 else fine()

    assert judge(once, RULE).outcome == "fine"


def test_a_model_that_waits_is_slower_though_it_takes_no_more_cpu_time():
    assert judge(pairs(0.0, 0.01, 0, waits=0.3)[0], RULE).outcome == "regressed"


def test_where_nothing_is_sure_in_time_it_says_so():
    verdict = judge(pairs(0.024, 0.1, 3)[0], LatencyRule(pairs=12))
    assert verdict.outcome == "unsure"
    assert verdict.tests[0].pairs == 12
    assert "12 pairs" in verdict.told


def test_memory_is_judged_in_the_same_pairs():
    verdict = judge(pairs(0.0, 0.01, 0, memory=0.1)[0], RULE)
    assert (verdict.outcome, verdict.memory_outcome) == ("fine", "regressed")


def test_without_cpu_time_the_clock_decides():
    chance = random.Random(0)
    verdict = judge(lambda: Pair(chance.gauss(0.1, 0.02)), RULE)
    assert (verdict.outcome, verdict.memory_outcome) == ("regressed", "unsure")
    assert verdict.tests[0].memory is None


@pytest.mark.parametrize("share", [0.0488, 0.4, 1.4])
def test_an_alarm_s_bounds_are_beyond_the_border(share):
    last = judge(pairs(share, 0.01, 0)[0], RULE).tests[-1]
    assert math.exp(RULE.border) <= last.low < last.ratio < last.high


@pytest.mark.parametrize("share", [-0.1, -0.7, -1.4])
def test_what_is_faster_is_sure_to_be(share):
    verdict = judge(pairs(share, 0.005, 0)[0], RULE)
    assert verdict.outcome == "fine"
    assert verdict.tests[-1].high < 1
