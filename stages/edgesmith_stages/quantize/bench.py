"""Measure candidates of one model against the float file, in turns."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

from edgesmith import Cancelled, StageFailed, carry
from edgesmith_stages.quantize.assignment import Assignment
from edgesmith_stages.quantize.budget import Trial

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Context, Model
    from edgesmith.process import ModelProcess
    from edgesmith_stages.images import Images
    from edgesmith_stages.quantize.quantiser import Quantiser

Clock = Literal["cpu", "wall"]

TURN_NS = 40_000_000
"""What a model runs for in one turn, about: long enough for a steady clock, short enough to take turns often."""


@dataclass
class Bench:
    """Quantises, times and scores; files live in the scratch folder.

    The float model has one process for all; each candidate has one of its own. Among candidates the least time of all
    runs counts: other programs on the machine only ever add to it. What is chosen is timed once more (see `again`).

    Attributes:
        ctx: of the stage.
        source: the float file.
        quantiser: of it.
        images: to score on.
        right: the output that is right for each of them, int64 [N]; -1 where an image has no label.
        rounds: turns that each of the two has.
        threads: that a model runs on.
        clock: the process' CPU time, which other programs hardly disturb, or wall time.
    """

    ctx: Context
    source: Model
    quantiser: Quantiser
    images: Images
    right: NDArray[np.int64]
    rounds: int = 6
    threads: int = 1
    clock: Clock = "cpu"

    def measure(self, label: str, assignment: Assignment) -> Trial:
        """Make a candidate, time it beside the float file, and compare both on the golden images."""
        from edgesmith.parity import sqnr_db

        if self.ctx.cancelled:
            raise Cancelled("the run was interrupted")
        model = self._made(assignment)
        with self._open(model) as process:
            float_ns, ns = self._turns(self._float, process)
            outputs = process.predict(self._golden)
        self.ctx.log.info("%s: %.2fx the time of float", label, ns / float_ns)
        return Trial(label, assignment, model.bytes(), ns / 1e6, float_ns / 1e6, sqnr_db(self._float_golden, outputs))

    def score(self, trial: Trial) -> Trial:
        """Measure what a candidate loses on the images."""
        with self._open(self._made(trial.assignment)) as process:
            return replace(trial, drop=self.drop(process), images=self.images.count)

    def again(self, trial: Trial, pairs: int) -> list[float]:
        """Time a candidate and the float file as `compare` does, in fresh pairs of processes: medians, not the least.

        What the least of all runs hides is how a file does beside other work, as on a shared processor.

        Returns:
            The candidate's time over float's, of each pair; none follow one in which the candidate is no faster.
        """
        from edgesmith.turns import Entrant, measure_round

        chance = random.Random(self.ctx.seed)
        entrants = [
            Entrant(partial(self._open, one), self._golden) for one in (self.source, self._made(trial.assignment))
        ]
        ratios: list[float] = []
        while len(ratios) < pairs and max(ratios, default=0.0) < 1:
            if self.ctx.cancelled:
                raise Cancelled("the run was interrupted")
            beside = measure_round(entrants, chance, one_processor=self.threads == 1)[1]
            log = beside.clock if self.clock == "wall" or beside.cpu is None else beside.cpu
            ratios.append(math.exp(log))
        self.ctx.log.info("%s: confirming: %s", trial.label, ", ".join(f"{ratio:.2f}x" for ratio in ratios))
        return ratios

    def drop(self, process: ModelProcess) -> float:
        """Return the top-1 that a model loses against the float file; without labels the share of other answers."""
        from edgesmith_stages.quantize.parity import lost

        return lost(self._float_answers, process.predict(self._pixels).argmax(axis=1), self.right)

    def close(self) -> None:
        """End the float model's process, if it was started."""
        if "_float" in self.__dict__:
            self._float.close()

    @cached_property
    def _float(self) -> ModelProcess:
        return self._open(self.source)

    @cached_property
    def _golden(self) -> NDArray[np.uint8]:
        return self.source.golden()[0]

    @cached_property
    def _float_golden(self) -> NDArray[np.float32]:
        return self._float.predict(self._golden)

    @cached_property
    def _pixels(self) -> NDArray[np.uint8]:
        return self.images.pixels(self.source.contract)

    @cached_property
    def _float_answers(self) -> Any:
        return self._float.predict(self._pixels).argmax(axis=1)

    def _open(self, model: Model) -> ModelProcess:
        opened: Any = self.ctx.open(model, threads=self.threads)
        if not hasattr(opened, "sample"):
            with contextlib.closing(opened):
                raise StageFailed(f"{opened.runtime} does not tell the CPU time of a run", hint="tune on the host")
        process: ModelProcess = opened
        return process

    def _made(self, assignment: Assignment) -> Model:
        from edgesmith_stages.quantize.quantiser import write_assigned

        folder = self.ctx.scratch / "candidates" / assignment.digest()
        made = type(self.source)(folder)
        if not made.file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            written: Path = folder / f"making-{made.main}"
            write_assigned(self.quantiser, assignment, written)
            carry(self.source, folder)
            written.rename(made.file)
        return made

    def _turns(self, reference: ModelProcess, process: ModelProcess) -> tuple[int, int]:
        """Return the least nanoseconds of a run of each."""
        pair = (reference, process)
        runs = [self._runs(one) for one in pair]
        best = [2**62, 2**62]
        for turn in range(self.rounds):
            for place in (0, 1) if turn % 2 else (1, 0):
                best[place] = min(best[place], *self._sample(pair[place], 1, runs[place]))
        return best[0], best[1]

    def _runs(self, process: ModelProcess) -> int:
        once = min(self._sample(process, 2, 2))
        return int(min(200, max(2, TURN_NS // max(1, once))))

    def _sample(self, process: ModelProcess, warmup: int, runs: int) -> Sequence[int]:
        samples = process.sample(self._golden, warmup, runs)
        return [one.cpu_ns if self.clock == "cpu" else one.ns for one in samples]
