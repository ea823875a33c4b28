"""A model under load without a pause: what each stretch of time showed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgesmith import ModelProcess, Session, Timing
from edgesmith.turns import middle, undisturbed
from edgesmith_stages.samples import thinned

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOWS = 60
SHORTEST, LONGEST = 0.1, 60.0
"""Seconds that a window lasts at least, and at most."""

_CHUNK_SECONDS = 1.0
_WORK = bytes(1 << 16)


@dataclass(frozen=True)
class Window:
    """A stretch of time, as a model under load showed it.

    Attributes:
        at: its middle, in seconds since the first began.
        runs: inferences in it.
        ns: some of their latencies by the clock, evenly spaced, in nanoseconds; none where a tool sums them up.
        least, middle, p90: of all of them; p90 is None where it isn't told.
        calm: median of those that nothing pushed off the processor.
        resident: memory of the process in bytes at its end; None where it isn't told.
        machine: nanoseconds of a fixed piece of work on this machine, done between windows; None for other machines.
    """

    at: float
    runs: int
    least: float
    middle: float
    p90: float | None
    calm: float
    resident: int | None
    machine: float | None
    ns: Sequence[int] = field(default=(), repr=False)


def measure_windows(
    session: Session, pixels: NDArray[np.uint8], seconds: float, tick: Callable[[float], None]
) -> list[Window]:
    """Run a model for so many seconds, and sum up each of some 60 windows (of a minute each, beyond an hour).

    Args:
        session: a loaded model, warmed up.
        pixels: uint8 [N, H, W, C], used in turn.
        tick: called at least once a second with the seconds passed; what it raises ends the measurement.
    """
    length = min(LONGEST, max(SHORTEST, seconds / WINDOWS))
    begun = time.perf_counter()
    pace = 0.0
    made: list[Window] = []
    # What is left at the end, and shorter than half a window, says too little. A tool may be done sooner than it says.
    while not made or (time.perf_counter() - begun < seconds - length / 2 and len(made) < 2 * seconds / length):
        passed = time.perf_counter() - begun
        left = max(0.0, min(length, seconds - passed))
        window, pace = _window(session, pixels, begun + passed, left, pace, begun, tick)
        made.append(window)
    return made


def _window(
    session: Session,
    pixels: NDArray[np.uint8],
    start: float,
    length: float,
    pace: float,
    begun: float,
    tick: Callable[[float], None],
) -> tuple[Window, float]:
    """Return a window, and the seconds that a run took in it; `pace` is that of the one before, 0 if there is none."""
    machine = machine_pace() if isinstance(session, ModelProcess) else None
    taken: list[int] = []
    calm: list[int] = []
    while not taken or time.perf_counter() < start + length:
        tick(time.perf_counter() - begun)
        # A tool that starts anew with each call makes the whole window at once.
        left = start + length - time.perf_counter()
        chunk = min(_CHUNK_SECONDS, length / 2, left) if session.in_turns else left
        runs = max(1 if session.in_turns else 5, round(chunk / pace)) if pace else 1
        asked = time.perf_counter()
        if isinstance(session, ModelProcess):
            samples = session.sample(pixels, 0, runs)
            taken += [one.ns for one in samples]
            calm += undisturbed(samples)
        else:
            told = session.time(pixels, 0, runs)
            if isinstance(told, Timing):
                at = (start + time.perf_counter()) / 2 - begun
                return _summed_up(told, at), told.mean / 1e9
            taken += told
            calm += told
        pace = (time.perf_counter() - asked) / runs
    at = (start + time.perf_counter()) / 2 - begun
    ordered = sorted(taken)
    return Window(
        at,
        len(taken),
        ordered[0],
        middle(ordered),
        ordered[int(0.9 * (len(ordered) - 1))],
        middle(calm),
        _resident(session),
        machine,
        thinned(taken),
    ), pace


def _summed_up(told: Timing, at: float) -> Window:
    return Window(at, told.runs, told.min, middle(told), told.percentiles.get(90), middle(told), None, None)


def machine_pace(repeats: int = 30) -> float:
    """Return the least nanoseconds of a fixed piece of work: SHA-256 of 64 KiB. A slower processor takes longer."""
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter_ns()
        hashlib.sha256(_WORK).digest()
        taken.append(time.perf_counter_ns() - begun)
    return float(min(taken))


def _resident(session: Session) -> int | None:
    if not isinstance(session, ModelProcess):
        return None
    import psutil

    try:
        return int(psutil.Process(session.pid).memory_info().rss)
    except psutil.Error:  # it ended this very moment: the next request tells how
        return None
