"""Several processes of one model at once: what throughput is gained, and what latency pays for it."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from edgesmith import Model, ModelProcess, RuntimeUnavailable, UserError
from edgesmith.sections import Curves, Input
from edgesmith.turns import middle
from edgesmith_stages.benchmarking.setting import Row, Setting, noted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REPEATS = 3
_CHUNKS = 8


@dataclass(frozen=True)
class Level:
    """So many processes at once.

    Attributes:
        throughput: runs per second of all together: median over repeats, least and most.
        ns: latencies of all.
    """

    throughput: tuple[float, float, float]
    ns: list[int]


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def refuse_too_many(processes: int, threads: int) -> None:
    """Raise UserError for more processes at once than this machine has processors for."""
    offered = processors()
    if processes > 1 and processes * threads > offered:
        raise UserError(
            f"concurrency: {processes} processes of {threads} thread{'s' if threads > 1 else ''} each need "
            f"{processes * threads} processors, and this machine offers {offered}",
            hint=f"concurrency of at most {max(1, offered // threads)} with threads: {threads}, "
            "or a target with more processors",
        )


def measure_concurrent(
    setting: Setting, models: Sequence[Model], rows: Sequence[Row], processes: int, seconds: float
) -> list[dict[str, Any]]:
    """Run 1, 2, ... `processes` of each model at once, fill its row, and return the sections of a report.

    Figures for 3 at once: `throughput_x3` (images per second of all together: median of three repeats), with
    `throughput_x3_least` and `throughput_x3_most`, `median_ms_x3`, `p90_ms_x3`; `scaling_x3` is the throughput over
    that of one alone.

    Args:
        seconds: how long each number of processes is measured, in all.
    """
    sections = []
    for index, (model, row) in enumerate(zip(models, rows, strict=True)):
        if row["status"] != "ok":
            continue
        with noted(row, setting.ctx, "concurrency"):
            levels = _levels(setting, model, processes, seconds)
            batch = model.contract.batch or 1
            row.update(_figures(levels, batch))
            curves = {
                "images/s at once": tuple(round(batch * one.throughput[0], 2) for one in levels.values()),
                "median ms at once": tuple(round(median(one.ns) / 1e6, 4) for one in levels.values()),
            }
            of = Input(port="models", index=index)
            sections.append(Curves(title="concurrency", x="processes", of=of, curves=curves).document())
    return sections


def _figures(levels: dict[int, Level], batch: int) -> dict[str, float]:
    import numpy as np

    figures: dict[str, float] = {}
    alone = levels[1].throughput[0]
    for count, level in levels.items():
        usual, least, most = (round(batch * value, 2) for value in level.throughput)
        figures |= {
            f"throughput_x{count}": usual,
            f"throughput_x{count}_least": least,
            f"throughput_x{count}_most": most,
            f"median_ms_x{count}": round(median(level.ns) / 1e6, 4),
            f"p90_ms_x{count}": round(float(np.percentile(level.ns, 90)) / 1e6, 4),
            f"scaling_x{count}": round(level.throughput[0] / alone, 3),
        }
    return figures


def _levels(setting: Setting, model: Model, processes: int, seconds: float) -> dict[int, Level]:
    """Measure each number of processes; the numbers take turns in a seeded order, with fresh processes each time."""
    chance = random.Random(setting.ctx.seed)
    pixels = setting.pixels(model)
    taken: dict[int, list[tuple[float, list[int]]]] = {count: [] for count in range(1, processes + 1)}
    for _ in range(_REPEATS):
        with contextlib.ExitStack() as stack:
            loaded = [stack.enter_context(setting.open(model)) for _ in range(processes)]
            own = [one for one in loaded if isinstance(one, ModelProcess)]
            if len(own) < len(loaded):
                raise RuntimeUnavailable("the target measures one at a time")
            refuse_too_many(processes, setting.threads)
            pace = max(middle(one.time(pixels, 2, 3)) for one in own)
            for count in chance.sample(range(1, processes + 1), processes):
                setting.go_on()
                taken[count].append(_at_once(chance.sample(own, count), pixels, seconds / _REPEATS, pace))
    found = {}
    for count, repeats in taken.items():
        rates = [rate for rate, _ in repeats]
        found[count] = Level((median(rates), min(rates), max(rates)), [ns for _, all_ns in repeats for ns in all_ns])
    return found


def _at_once(
    processes: Sequence[ModelProcess], pixels: NDArray[np.uint8], seconds: float, pace: float
) -> tuple[float, list[int]]:
    """Run all at once; return runs per second of all together, and the latencies.

    What was still running when the first of them had ended is left out: it had the machine more to itself.
    """
    runs = max(1, round(seconds / _CHUNKS * 1e9 / pace))
    together = threading.Barrier(len(processes))

    def work(process: ModelProcess) -> list[tuple[float, list[int]]]:
        done: list[tuple[float, list[int]]] = []
        together.wait()
        end = time.perf_counter() + seconds
        while not done or time.perf_counter() < end:
            ns = process.time(pixels, 0, runs)
            done.append((time.perf_counter(), ns))
        return done

    with ThreadPoolExecutor(len(processes)) as pool:
        chunks = list(pool.map(work, processes))
    first_end = min(done[-1][0] for done in chunks)
    rate, taken = 0.0, []
    for done in chunks:
        kept = [one for at, ns in done if at <= first_end for one in ns] or done[0][1]
        rate += 1e9 * len(kept) / sum(kept)
        taken += kept
    return rate, taken
