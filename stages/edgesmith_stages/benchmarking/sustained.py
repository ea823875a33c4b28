"""Minutes of load, one model after another: speed, heat and memory over time, and cold starts apart from warm runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgesmith import Model, Session
from edgesmith.sections import Curves, Input
from edgesmith_stages.benchmarking.cold import ColdStart, cold_figures, start_cold
from edgesmith_stages.benchmarking.figures import latency, peak, told
from edgesmith_stages.benchmarking.setting import Row, Setting, noted
from edgesmith_stages.benchmarking.stability import latency_verdict, memory_verdict
from edgesmith_stages.benchmarking.windows import Window, measure_windows


@dataclass(frozen=True)
class Load:
    """How a model is loaded with work.

    Attributes:
        seconds: of measured load a model.
        warmup: unmeasured runs before.
        starts: cold starts, each in a fresh process; the last one's process goes on.
        rest: idle seconds before each model but the first, so that none inherits another's heat.
        at_least: the smallest slow-down that counts, as a share.
    """

    seconds: float
    warmup: int
    starts: int
    rest: float
    at_least: float


def measure_sustained(
    setting: Setting, models: Sequence[Model], rows: Sequence[Row], load: Load, score: bool
) -> list[dict[str, Any]]:
    """Measure one model at a time, fill its row, and return the sections of a report."""
    sections: list[dict[str, Any]] = []
    measured = 0
    for index, (model, row) in enumerate(zip(models, rows, strict=True)):
        with noted(row, setting.ctx):
            if measured:
                _rest(setting, load.rest)
            windows = _measure(setting, model, row, load, score, (index, len(models)))
            measured += 1
            sections += _curves(index, windows)
    return sections


def _measure(setting: Setting, model: Model, row: Row, load: Load, score: bool, place: tuple[int, int]) -> list[Window]:
    index, count = place

    def tick(passed: float) -> None:
        setting.go_on()
        setting.ctx.progress(index * load.seconds + passed, count * load.seconds)

    session, starts = _cold(setting, model, load.starts)
    with session:
        row["runtime"] = session.runtime
        pixels = setting.pixels(model)
        if load.warmup and session.in_turns:
            session.time(pixels, load.warmup, 1)
        windows = measure_windows(session, pixels, load.seconds, tick)
        row.update(told(session) | cold_figures(starts))
        row.update(_warm(windows, model.contract.batch or 1) | peak(session))
        throttled = session.facts.get("throttled")
        row.update(latency_verdict(windows, load.at_least, throttled))
        row.update(memory_verdict(windows))
        if score and session.predicts:
            from edgesmith_stages.evaluate import scores

            row.update(scores(session.predict(setting.images.pixels(model.contract)), model, setting.images))
    return windows


def _cold(setting: Setting, model: Model, count: int) -> tuple[Session, list[ColdStart]]:
    """Start so many processes, one after another; return the last one's session, and the times.

    A tool that starts anew with each call tells of its starts itself, among its facts.
    """
    session, start = start_cold(setting, model)
    starts = [start]
    while session.in_turns and len(starts) < count:
        session.close()
        setting.go_on()
        session, start = start_cold(setting, model)
        starts.append(start)
    return session, starts if session.in_turns else []


def _warm(windows: Sequence[Window], batch: int) -> dict[str, Any]:
    """Return latencies over all windows."""
    runs = sum(window.runs for window in windows)
    figures: dict[str, Any] = {"windows": len(windows), "runs": runs, "seconds": round(windows[-1].at, 1)}
    kept = [ns for window in windows for ns in window.ns]
    if kept:
        return {**figures, **latency(kept, batch), "min_ms": round(min(one.least for one in windows) / 1e6, 4)}
    middles = sorted(window.middle for window in windows)
    typical = middles[len(middles) // 2]
    least = min(window.least for window in windows)
    return {
        **figures,
        "min_ms": round(least / 1e6, 4),
        "median_ms": round(typical / 1e6, 4),
        "throughput": round(1e9 * batch / typical, 2),
    }


def _rest(setting: Setting, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        setting.go_on()
        time.sleep(min(0.5, left))


def _curves(index: int, windows: Sequence[Window]) -> list[dict[str, Any]]:
    """Return what changed over time, as sections: latencies, the machine's pace, resident memory."""
    series: dict[str, list[float | None]] = {
        "median ms over time": [window.middle / 1e6 for window in windows],
        "p90 ms over time": [None if window.p90 is None else window.p90 / 1e6 for window in windows],
        "resident MB over time": [None if window.resident is None else window.resident / 2**20 for window in windows],
        "fixed work on this machine, ms": [None if one.machine is None else one.machine / 1e6 for one in windows],
    }
    whole = {
        name: tuple(round(value, 4) for value in values if value is not None)
        for name, values in series.items()
        if None not in values
    }
    at = tuple(round(window.at, 3) for window in windows)
    of = Input(port="models", index=index)
    return [Curves(title="sustained load", x="second", at=at, of=of, curves=whole).document()]
