"""Stretches of time under load."""

import contextlib
import itertools

import pytest

from edgesmith import Timing
from edgesmith_stages.benchmarking import windows
from edgesmith_stages.benchmarking.windows import machine_pace, measure_windows


class Clock:
    """Time that passes only when somebody works."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        return self.now

    def perf_counter_ns(self):
        return int(self.now * 1e9)


class Tool:
    """A session whose runs take as long as they are told; one that sums up starts for a second first."""

    model = facts = None
    predicts = False

    def __init__(self, clock, seconds, in_turns=True):
        self.clock, self.seconds, self.in_turns, self.asked = clock, seconds, in_turns, []

    def time(self, pixels, warmup, runs):
        self.asked.append(runs)
        took = [next(self.seconds) for _ in range(runs)]
        self.clock.now += sum(took)
        if self.in_turns:
            return [int(1e9 * one) for one in took]
        self.clock.now += 1
        return Timing(runs, min(took) * 1e9, sum(took) / runs * 1e9, max(took) * 1e9, 0.0, {50: took[0] * 1e9})


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(windows, "time", made)
    return made


def test_windows_share_the_time_and_tell_when_they_were(clock):
    made = measure_windows(Tool(clock, itertools.repeat(0.01)), None, 120, lambda passed: None)
    assert len(made) == 60
    assert [one.at for one in made[:2]] == [pytest.approx(1, abs=0.02), pytest.approx(3, abs=0.04)]
    assert sum(one.runs for one in made) == pytest.approx(12_000, rel=0.02)
    assert all(one.middle == one.least == one.p90 == one.calm == 1e7 for one in made)
    assert len(made[0].ns) <= 512
    assert made[0].machine is None, "it may be another machine"


def test_hours_have_windows_of_a_minute(clock):
    made = measure_windows(Tool(clock, itertools.repeat(1.0)), None, 7200, lambda passed: None)
    assert len(made) == pytest.approx(120, abs=2)


def test_a_model_that_takes_longer_than_a_window_has_one_run_in_each(clock):
    made = measure_windows(Tool(clock, itertools.repeat(5.0)), None, 60, lambda passed: None)
    assert [one.runs for one in made] == [1] * 12


def test_a_tool_that_starts_anew_makes_a_window_at_once(clock):
    tool = Tool(clock, itertools.repeat(0.01), in_turns=False)
    made = measure_windows(tool, None, 600, lambda passed: None)
    assert tool.asked[:3] == [1, 1000, 1000], "ten seconds each, once its pace is known"
    assert made[1].middle == 1e7
    assert made[1].ns == ()


def test_there_is_always_a_window(clock):
    (only,) = measure_windows(Tool(clock, itertools.repeat(0.01)), None, 0.03, lambda passed: None)
    assert only.runs == 3


def test_what_the_listener_raises_ends_it(clock):
    def tick(passed):
        if passed > 3:
            raise TimeoutError

    tool = Tool(clock, itertools.repeat(0.01))
    with contextlib.suppress(TimeoutError):
        measure_windows(tool, None, 600, tick)
    assert sum(tool.asked) < 500


def test_a_fixed_work_takes_some_time():
    assert 1e3 < machine_pace() < 1e8
