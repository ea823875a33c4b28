"""Whether tonight's model is slower, or takes more memory: pairs are measured until that is sure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from edgesmith.estimates import centre
from edgesmith_flows.nightly.evidence import interval, wealth
from edgesmith_flows.nightly.paired import Pair

Outcome = Literal["regressed", "fine", "unsure"]


@dataclass(frozen=True)
class LatencyRule:
    """When a change counts.

    Attributes:
        at_least: the smallest change that is to be found, as a share: 0.05 is 5 %.
        certainty: how sure a test has to be of which side of the border the change lies on.
        pairs: how many pairs a test may take.
    """

    at_least: float = 0.05
    certainty: float = 0.99
    pairs: int = 120

    @property
    def border(self) -> float:
        """Midway between no change and `at_least`, as a log-ratio: the same distance from both errors."""
        return math.log1p(self.at_least) / 2


@dataclass(frozen=True)
class SequentialTest:
    """One sequential test.

    Attributes:
        ratio: tonight / baseline; of CPU time where that stands for latency, else of latency by the clock.
        low, high: bounds of the ratio, each at the rule's certainty; 0 and infinity where there is none.
        clock: ratio of latencies by the clock.
        memory: ratio of peak memory, and whether it is sure to be over the border; None where it isn't told.
    """

    outcome: Outcome
    ratio: float
    low: float
    high: float
    clock: float
    pairs: int
    memory: float | None = None
    memory_outcome: Outcome = "unsure"


@dataclass(frozen=True)
class LatencyVerdict:
    """The last word: a regression is one only if a second test, with fresh processes, finds it again."""

    tests: list[SequentialTest] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """What holds of latency."""
        return _agreed([test.outcome for test in self.tests])

    @property
    def memory_outcome(self) -> Outcome:
        """What holds of memory."""
        return _agreed([test.memory_outcome for test in self.tests])

    @property
    def told(self) -> str:
        """The last test in words."""
        last = self.tests[-1]
        pairs = " + ".join(str(test.pairs) for test in self.tests)
        text = f"{_percent(last.ratio)} ({_percent(last.low)} to {_percent(last.high)}; "
        text += f"by the clock {_percent(last.clock)}"
        return f"{text}; {pairs} pairs)"


def _agreed(outcomes: list[Outcome]) -> Outcome:
    if "fine" in outcomes:
        return "fine"
    return "regressed" if outcomes and all(one == "regressed" for one in outcomes) else "unsure"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %" if 0 < ratio < math.inf else "no bound"


def judge(measure: Callable[[], Pair], rule: LatencyRule) -> LatencyVerdict:
    """Test, and test once more before an alarm.

    Args:
        measure: measures one pair.
    """
    first = sequential_test(measure, rule)
    if "regressed" not in (first.outcome, first.memory_outcome):
        return LatencyVerdict([first])
    return LatencyVerdict([first, sequential_test(measure, rule)])


def sequential_test(measure: Callable[[], Pair], rule: LatencyRule) -> SequentialTest:
    """Measure pairs until it is sure on which side of the border the change lies, or `rule.pairs` are used up.

    CPU time, where it stands for latency, has the first word: other programs disturb it least. The clock is a second
    witness: it may raise the alarm by itself (a model that waits takes no CPU time), and must not contradict "fine".
    """
    clock: list[float] = []
    work: list[float] = []
    memory: list[float] = []
    outcome: Outcome = "unsure"
    while outcome == "unsure" and len(clock) < rule.pairs:
        pair = measure()
        clock.append(pair.clock)
        if pair.cpu is not None:
            work.append(pair.cpu)
        if pair.memory is not None:
            memory.append(pair.memory)
        outcome = _outcome(work or clock, clock, rule)
    values = work or clock
    low, high = interval(values, rule.certainty)
    return SequentialTest(
        outcome,
        math.exp(centre(values)),
        math.exp(low),
        math.exp(high),
        math.exp(centre(clock)),
        len(clock),
        math.exp(centre(memory)) if memory else None,
        _side(memory, rule) if memory else "unsure",
    )


def _outcome(values: list[float], clock: list[float], rule: LatencyRule) -> Outcome:
    sides = _side(values, rule), _side(clock, rule)
    if "regressed" in sides:
        return "regressed"
    if sides[0] == "fine" and centre(clock) < 2 * rule.border:
        return "fine"
    return "unsure"


def _side(values: list[float], rule: LatencyRule) -> Outcome:
    needed = 1 / (1 - rule.certainty)
    if wealth(values, rule.border) >= needed:
        return "regressed"
    if wealth([-value for value in values], -rule.border) >= needed:
        return "fine"
    return "unsure"
