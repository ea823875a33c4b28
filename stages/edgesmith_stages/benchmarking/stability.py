"""Whether a model under load stays as fast, and as small, as it began."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from edgesmith.estimates import Estimate, change, trend
from edgesmith_stages.benchmarking.windows import Window

CERTAINTY = 0.99
_SETTLING = 0.2
_LEAST_GROWTH = 2**20


def latency_verdict(windows: Sequence[Window], at_least: float, throttled: bool | None = None) -> dict[str, Any]:
    """Return `drift` with its bounds, `machine_drift`, and `latency_verdict`: steady, slower, throttled or unsure.

    `drift` is how many times as long an inference took in the last quarter of the windows as in the first eighth, runs
    that were pushed off the processor left out. The border lies midway between no change and `at_least`, at the same
    distance from both errors. What is sure to be beyond it is `throttled` where a fixed piece of work on the same
    machine became slower too and explains it, else `slower`.

    Args:
        at_least: the smallest slow-down that is to be found, as a share.
        throttled: whether the device says that it was; None where it says nothing.
    """
    logs = [math.log(window.calm) for window in windows]
    drift = change(logs, CERTAINTY)
    if drift is None:
        return {"latency_verdict": "unsure"}
    border = math.log1p(at_least) / 2
    figures = {"drift": drift.value, "drift_low": drift.low, "drift_high": drift.high}
    paces = [math.log(window.machine) for window in windows if window.machine]
    own = machine = None
    if len(paces) == len(logs):
        machine = change(paces, CERTAINTY)
        own = change([log - pace for log, pace in zip(logs, paces, strict=True)], CERTAINTY)
    if machine is not None:
        figures["machine_drift"] = machine.value
    rounded = {name: round(math.exp(value), 4) for name, value in figures.items()}
    return {**rounded, "latency_verdict": _word(drift, own, machine, border, throttled)}


def _word(
    drift: Estimate, own: Estimate | None, machine: Estimate | None, border: float, throttled: bool | None
) -> str:
    if drift.high < border:
        return "steady"
    if drift.low < border:
        return "unsure"
    if own is None or machine is None:
        return "throttled" if throttled else "slower"
    if own.low >= border:
        return "slower"
    return "throttled" if machine.low > 0 else "unsure"


def memory_verdict(windows: Sequence[Window]) -> dict[str, Any]:
    """Return `resident_mb`, `growth_mb` with its bounds, and `memory_verdict`: steady, grows or unsure.

    Nothing where memory isn't told.

    `growth_mb` is the trend of resident memory over the runs, the first fifth of windows left out, in which pools fill
    up. A step that doesn't come again is no trend. It counts from 1 MiB, or 1 % of what is resident, whichever is more.
    """
    kept = windows[int(_SETTLING * len(windows)) :]
    sizes = [window.resident for window in kept if window.resident is not None]
    if not sizes or len(sizes) < len(kept):
        return {}
    middle = sorted(sizes)[len(sizes) // 2]
    figures: dict[str, Any] = {"resident_mb": round(middle / 2**20, 1)}
    done = list(itertools.accumulate(window.runs for window in kept))
    found = trend(done, sizes, CERTAINTY)
    if found is None:
        return {**figures, "memory_verdict": "unsure"}
    runs = done[-1] - done[0]
    low, high = found.low * runs, found.high * runs
    border = max(_LEAST_GROWTH, 0.01 * middle)
    figures |= {
        "growth_mb": round(found.value * runs / 2**20, 2),
        "growth_mb_low": round(low / 2**20, 2),
        "growth_mb_high": round(high / 2**20, 2),
    }
    return {**figures, "memory_verdict": "grows" if low >= border else "steady" if high < border else "unsure"}
