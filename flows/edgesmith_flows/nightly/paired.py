"""One pair: the baseline's model and tonight's, each in a fresh process, measured in turns."""

from __future__ import annotations

import contextlib
import math
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgesmith.process import ModelProcess, Sample
from edgesmith.session import Session, Timing
from edgesmith_flows.nightly.evidence import centre

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Open = Callable[[], Session]
"""Loads a model in a fresh process."""

_WARMUP = 10
_TURN_SECONDS = 0.008
_PAIR_SECONDS = 0.6
_TURNS = (10, 40)
_MOST_RUNS = 25


@dataclass(frozen=True)
class Pair:
    """What one pair of processes showed, each as log(tonight / baseline).

    Attributes:
        clock: latency by the clock.
        cpu: CPU time of a run; None where it isn't told, or doesn't stand for latency.
        memory: peak memory; None where it isn't told.
    """

    clock: float
    cpu: float | None = None
    memory: float | None = None


@dataclass(frozen=True)
class Opened:
    """How to measure: how each model is loaded, and what it is fed.

    Attributes:
        pixels: uint8 [N, H, W, C] for the baseline and for tonight.
        one_thread: the models run on one thread: both are kept on one processor, drawn for each pair.
        cpu: CPU time stands for latency: on one thread, and by no clock of the runtime's own.
    """

    baseline: Open
    tonight: Open
    pixels: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    one_thread: bool = True
    cpu: bool = True


def measure_pair(opened: Opened, chance: random.Random) -> Pair:
    """Load both models in fresh processes, in an order drawn by chance, and time them in turns.

    A turn is a few milliseconds long, so that whatever else the machine does meets both alike; who is first is drawn
    for each turn. Turns in which the hypervisor took the processor away are left out.
    """
    opens = (opened.baseline, opened.tonight)
    sessions: dict[int, Session] = {}
    with contextlib.ExitStack() as stack:
        for side in _order(chance):
            sessions[side] = stack.enter_context(opens[side]())
        if opened.one_thread:
            _pin(list(sessions.values()), chance)
        if not all(isinstance(one, ModelProcess) for one in sessions.values()):
            return _by_sessions(sessions, opened.pixels, chance)
        runs, turns = _pace([_sample(sessions[side], opened.pixels[side], _WARMUP, 3) for side in (0, 1)])
        clock, cpu, stolen = [], [], []
        for _ in range(turns):
            taken: dict[int, list[Sample]] = {}
            before = steal()
            for side in _order(chance):
                taken[side] = _sample(sessions[side], opened.pixels[side], 1, runs)
            stolen.append(steal() > before)
            clock.append(_ratio(_undisturbed(taken[0]), _undisturbed(taken[1])))
            cpu.append(_ratio([one.cpu_ns for one in taken[0]], [one.cpu_ns for one in taken[1]]))
        kept = [turn for turn, lost in enumerate(stolen) if not lost]
        if len(kept) < turns / 2:  # stolen from all the time: what is left says less than all of it
            kept = list(range(turns))
        memory = [sessions[side].peak_bytes() for side in (0, 1)]
    return Pair(
        centre([clock[turn] for turn in kept]),
        centre([cpu[turn] for turn in kept]) if opened.cpu else None,
        math.log(memory[1] / memory[0]) if memory[0] and memory[1] else None,
    )


def steal() -> int:
    """Return the time, in ticks, for which the hypervisor had this machine's processors run something else."""
    try:
        with Path("/proc/stat").open(encoding="ascii") as file:
            fields = file.readline().split()
    except OSError:
        return 0
    return int(fields[8]) if len(fields) > 8 else 0


def _order(chance: random.Random) -> list[int]:
    return chance.sample((0, 1), 2)


def _pin(sessions: Sequence[Session], chance: random.Random) -> None:
    """Put both on one processor: two of them are seldom equally fast, nor equally disturbed."""
    if not hasattr(os, "sched_getaffinity"):
        return
    cpu = chance.choice(sorted(os.sched_getaffinity(0)))
    for session in sessions:
        if isinstance(session, ModelProcess):
            session.pin(cpu)


def _sample(session: Session, pixels: NDArray[np.uint8], warmup: int, runs: int) -> list[Sample]:
    assert isinstance(session, ModelProcess)
    return session.sample(pixels, warmup, runs)


def _pace(first: Sequence[Sequence[Sample]]) -> tuple[int, int]:
    """Return the runs of a turn, and the number of turns, from each side's first runs."""
    seconds = max(min(one.ns for one in side) for side in first) / 1e9
    runs = max(1, min(_MOST_RUNS, round(_TURN_SECONDS / seconds)))
    turns = round(_PAIR_SECONDS / (2 * (runs + 1) * seconds))
    return runs, max(_TURNS[0], min(_TURNS[1], turns))


def _undisturbed(samples: Sequence[Sample]) -> list[int]:
    """Return the latencies of runs that weren't pushed off the CPU; all, if every run was."""
    return [one.ns for one in samples if not one.switches] or [one.ns for one in samples]


def _ratio(baseline: Sequence[float], tonight: Sequence[float]) -> float:
    from statistics import median

    return math.log(median(tonight) / median(baseline))


def _by_sessions(
    sessions: dict[int, Session], pixels: tuple[NDArray[np.uint8], NDArray[np.uint8]], chance: random.Random
) -> Pair:
    """Measure on a target with a tool of its own, which tells latencies, or sums them up."""
    typical: dict[int, list[float]] = {0: [], 1: []}
    in_turns = all(session.in_turns for session in sessions.values())
    for turn in range(_TURNS[0] if in_turns else 1):
        for side in _order(chance):
            warmup = _WARMUP if turn == 0 else 1
            taken = sessions[side].time(pixels[side], warmup, 5 if in_turns else 50)
            if isinstance(taken, Timing):
                typical[side].append(taken.percentiles.get(50, taken.mean))
            else:
                typical[side].append(float(sorted(taken)[len(taken) // 2]))
    memory = [sessions[side].peak_bytes() for side in (0, 1)]
    return Pair(
        centre([math.log(b / a) for a, b in zip(typical[0], typical[1], strict=True)]),
        memory=math.log(memory[1] / memory[0]) if memory[0] and memory[1] else None,
    )
