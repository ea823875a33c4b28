"""Models beside each other: each in a fresh process, timed in turns, held against the first.

Latency varies by 4 to 5 % within a process and by 18 to 23 % between processes of one model: what a process shows is
one sample, however many runs it made.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from edgesmith.estimates import centre
from edgesmith.process import ModelProcess, Sample
from edgesmith.session import Session, Timing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Open = Callable[[], Session]
"""Loads a model in a fresh process."""

_WARMUP = 10
_TURN_SECONDS = 0.008
_MODEL_SECONDS = 0.3
_TURNS = (10, 40)
_MOST_RUNS = 25


@dataclass(frozen=True)
class Entrant:
    """How a model is loaded, and what it is fed: uint8 [N, H, W, C]."""

    load: Open
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Beside:
    """What a model's process showed beside the first model's, each as log(this / first).

    Attributes:
        ns: median latency of a run in nanoseconds, by the clock: no ratio.
        clock: latency by the clock.
        cpu: CPU time of a run; None where it isn't told.
        memory: peak memory; None where it isn't told.
    """

    ns: float
    clock: float
    cpu: float | None = None
    memory: float | None = None


def measure_round(entrants: Sequence[Entrant], chance: random.Random, *, one_processor: bool = True) -> list[Beside]:
    """Load all models in fresh processes, in an order drawn by chance, and time them in turns.

    A turn is a few milliseconds long, so that whatever else the machine does meets all alike; who is first is drawn
    for each turn. Turns in which the hypervisor took the processor away are left out.

    Args:
        entrants: the models; the others are held against the first.
        one_processor: keep all on one processor, drawn by chance: for models that run on one thread.

    Returns:
        One for each model, the first one's beside itself.

    Raises:
        StageFailed: a model can't be loaded or run.
    """
    sessions: dict[int, Session] = {}
    with contextlib.ExitStack() as stack:
        for place in _order(len(entrants), chance):
            sessions[place] = stack.enter_context(entrants[place].load())
        in_order = [sessions[place] for place in range(len(entrants))]
        if one_processor:
            _pin([sessions[place] for place in sessions], chance)
        pixels = [entrant.pixels for entrant in entrants]
        processes = [session for session in in_order if isinstance(session, ModelProcess)]
        if len(processes) < len(in_order):
            return _by_sessions(in_order, pixels, chance)
        return _by_processes(processes, pixels, chance)


def _by_processes(
    processes: Sequence[ModelProcess], pixels: Sequence[NDArray[np.uint8]], chance: random.Random
) -> list[Beside]:
    first = [process.sample(fed, _WARMUP, 3) for process, fed in zip(processes, pixels, strict=True)]
    runs, turns = _pace(first)
    clock: list[list[float]] = [[] for _ in processes]
    cpu: list[list[float]] = [[] for _ in processes]
    stolen = []
    for _ in range(turns):
        taken: dict[int, list[Sample]] = {}
        before = steal()
        for place in _order(len(processes), chance):
            taken[place] = processes[place].sample(pixels[place], 1, runs)
        stolen.append(steal() > before)
        for place, samples in taken.items():
            clock[place].append(median(undisturbed(samples)))
            cpu[place].append(median([one.cpu_ns for one in samples]))
    kept = [turn for turn, lost in enumerate(stolen) if not lost]
    if len(kept) < turns / 2:  # stolen from all the time: what is left says less than all of it
        kept = list(range(turns))
    peaks = [process.peak_bytes() for process in processes]
    return [
        Beside(
            median([clock[place][turn] for turn in kept]),
            _centre_of_ratios(clock[0], clock[place], kept),
            _centre_of_ratios(cpu[0], cpu[place], kept),
            _peak_ratio(peaks[0], peaks[place]),
        )
        for place in range(len(processes))
    ]


def _by_sessions(
    sessions: Sequence[Session], pixels: Sequence[NDArray[np.uint8]], chance: random.Random
) -> list[Beside]:
    """Measure on a target with a tool of its own, which tells latencies, or sums them up."""
    typical: list[list[float]] = [[] for _ in sessions]
    in_turns = all(session.in_turns for session in sessions)
    turns = range(_TURNS[0] if in_turns else 1)
    for turn in turns:
        for place in _order(len(sessions), chance):
            warmup = _WARMUP if turn == 0 else 1
            typical[place].append(middle(sessions[place].time(pixels[place], warmup, 5 if in_turns else 50)))
    peaks = [session.peak_bytes() for session in sessions]
    return [
        Beside(median(own), _centre_of_ratios(typical[0], own, turns), None, _peak_ratio(peaks[0], peaks[place]))
        for place, own in enumerate(typical)
    ]


def middle(taken: Sequence[int] | Timing) -> float:
    """Return the median latency in nanoseconds; the mean of what a tool sums up without a median."""
    return taken.percentiles.get(50, taken.mean) if isinstance(taken, Timing) else float(sorted(taken)[len(taken) // 2])


def undisturbed(samples: Sequence[Sample]) -> list[int]:
    """Return the latencies of runs that weren't pushed off the CPU; all, if every run was."""
    return [one.ns for one in samples if not one.switches] or [one.ns for one in samples]


def steal() -> int:
    """Return the time, in ticks, for which the hypervisor had this machine's processors run something else."""
    try:
        with Path("/proc/stat").open(encoding="ascii") as file:
            fields = file.readline().split()
    except OSError:
        return 0
    return int(fields[8]) if len(fields) > 8 else 0


def _order(count: int, chance: random.Random) -> list[int]:
    return chance.sample(range(count), count)


def _pin(sessions: Sequence[Session], chance: random.Random) -> None:
    """Put all on one processor: two of them are seldom equally fast, nor equally disturbed."""
    if not hasattr(os, "sched_getaffinity"):
        return
    cpu = chance.choice(sorted(os.sched_getaffinity(0)))
    for session in sessions:
        if isinstance(session, ModelProcess):
            session.pin(cpu)


def _pace(first: Sequence[Sequence[Sample]]) -> tuple[int, int]:
    """Return the runs of a turn, and the number of turns, from each model's first runs."""
    seconds = max(min(one.ns for one in side) for side in first) / 1e9
    runs = max(1, min(_MOST_RUNS, round(_TURN_SECONDS / seconds)))
    turns = round(_MODEL_SECONDS / ((runs + 1) * seconds))
    return runs, max(_TURNS[0], min(_TURNS[1], turns))


def _centre_of_ratios(first: Sequence[float], other: Sequence[float], turns: Sequence[int]) -> float:
    return centre([math.log(other[turn] / first[turn]) for turn in turns])


def _peak_ratio(first: int | None, other: int | None) -> float | None:
    return math.log(other / first) if first and other else None
