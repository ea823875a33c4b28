"""Cold starts: what passes before a fresh process has answered for the first time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from edgesmith import Model, Session, Timing
from edgesmith_stages.benchmarking.setting import Setting


@dataclass(frozen=True)
class ColdStart:
    """One process' start, in milliseconds.

    Attributes:
        start: from nothing to a loaded model: the process, the interpreter, the runtime's library, the file.
        load: the part of it in which the runtime loads the model; None where it isn't told.
        first: the first inference; None where it isn't told.
    """

    start: float
    load: float | None
    first: float | None


def start_cold(setting: Setting, model: Model) -> tuple[Session, ColdStart]:
    """Load a model in a fresh process and run it once; return the session, which the caller closes, and the times.

    The file may be in the system's cache: it is the process that is cold, not the disk.
    """
    pixels = setting.pixels(model, 1)
    begun = time.perf_counter()
    session = setting.open(model)
    start = 1000 * (time.perf_counter() - begun)
    try:
        first = session.time(pixels, 0, 1) if session.in_turns else None
    except BaseException:
        session.close()
        raise
    told = session.facts.get("load_ms")
    alone = None if first is None or isinstance(first, Timing) else first[0] / 1e6
    return session, ColdStart(start, told, alone)


def cold_figures(starts: Sequence[ColdStart]) -> dict[str, float]:
    """Return medians over processes: `cold_ms` (start and first inference), `start_ms`, `load_ms`, `first_ms`."""
    parts = {
        "cold_ms": [one.start + one.first for one in starts if one.first is not None],
        "start_ms": [one.start for one in starts],
        "load_ms": [one.load for one in starts if one.load is not None],
        "first_ms": [one.first for one in starts if one.first is not None],
    }
    figures: dict[str, float] = {name: round(median(values), 3) for name, values in parts.items() if values}
    return figures | {"starts": len(starts)} if starts else {}
