"""Models that are timed in turns, so that a noisy minute hits all of them alike."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from edgesmith import Session, Timing
from edgesmith_stages.benchmarking.setting import Row, Setting, noted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Key = TypeVar("Key", int, tuple[int, int])


@dataclass(frozen=True)
class Runner:
    """A loaded model.

    Attributes:
        pixels: what it is timed with, uint8 [N, H, W, C].
        row: where it is noted, under `figure`, that it failed.
    """

    session: Session
    pixels: NDArray[np.uint8]
    row: Row
    figure: str = "status"


def time_in_turns(
    setting: Setting, runners: Mapping[Key, Runner], warmup: int, runs: int, rounds: int
) -> dict[Key, list[int] | Timing]:
    """Return each model's latencies in nanoseconds; none of one that fails, which is noted in its row.

    Args:
        warmup: unmeasured runs before the first turn.
        runs: measured runs of each.
        rounds: turns that they are spread over; whose tool starts anew with each call makes all runs in the first.
    """
    listed: dict[Key, list[int]] = {key: [] for key in runners}
    summed: dict[Key, Timing] = {}
    shuffle = random.Random(setting.ctx.seed)
    rounds = min(rounds, runs)
    alive = set(runners)
    for turn in range(rounds):
        share = runs // rounds + (turn < runs % rounds)
        order = sorted(alive)
        shuffle.shuffle(order)
        for key in order:
            setting.go_on()
            runner, in_turns = runners[key], runners[key].session.in_turns
            alive.discard(key)  # unless it may go on
            with noted(runner.row, setting.ctx, runner.figure):
                taken = runner.session.time(runner.pixels, warmup if turn == 0 else 1, share if in_turns else runs)
                if isinstance(taken, Timing):
                    summed[key] = taken
                else:
                    listed[key].extend(taken)
                alive |= {key} if in_turns else set()
            if runner.row.get(runner.figure, "ok") != "ok":
                listed[key] = []
        setting.ctx.progress(turn + 1, rounds)
    return {**listed, **summed}
