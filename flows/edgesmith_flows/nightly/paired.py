"""One pair: the baseline's model and tonight's, each in a fresh process, measured in turns."""

from __future__ import annotations

import random
from dataclasses import dataclass

from edgesmith.turns import Entrant, measure_round


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
        one_thread: the models run on one thread: both are kept on one processor, drawn for each pair.
        cpu: CPU time stands for latency: on one thread, and by no clock of the runtime's own.
    """

    baseline: Entrant
    tonight: Entrant
    one_thread: bool = True
    cpu: bool = True


def measure_pair(opened: Opened, chance: random.Random) -> Pair:
    """Load both models in fresh processes and time them in turns (see `edgesmith.turns`)."""
    entrants = (opened.baseline, opened.tonight)
    _, tonight = measure_round(entrants, chance, one_processor=opened.one_thread)
    return Pair(tonight.clock, tonight.cpu if opened.cpu else None, tonight.memory)
