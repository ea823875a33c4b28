"""The `benchmark` stage: latency, throughput, load time and memory, on a target."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgesmith import (
    Context,
    DatasetRef,
    EdgesmithError,
    Model,
    Report,
    RuntimeUnavailable,
    Session,
    Stage,
    TargetRef,
    Timing,
    many,
)
from edgesmith_stages.evaluate import scores
from edgesmith_stages.images import Images
from edgesmith_stages.samples import sections

if TYPE_CHECKING:
    from collections.abc import Sequence


class Benchmark(Stage):
    """Measure models, single-stream: min, median, p90 and p99 latency, throughput, cold load, peak memory.

    Each model is alone in a fresh process with its threads pinned. After a warm-up the models take turns, a few runs at
    a time in a seeded order, so that a noisy minute hits all of them alike. Where the data have labels, top-1 is
    measured in the same processes. A target whose tool starts anew with each call makes a model's runs in one go; one
    that gives no outputs scores nothing.
    """

    name, version = "benchmark", "1"
    inputs = {"models": many(Model)}
    outputs = {"report": Report}
    requirements = ("numpy", "pillow")
    runs_models = True
    measures = True

    class Params(Stage.Params):
        """How long and on what to measure."""

        data: DatasetRef = Field(default=DatasetRef(name="random"), description="dataset to run and to score on (val)")
        target: TargetRef = Field(
            default=TargetRef(name="host"), description="where models run: a target's name, with its params if any"
        )
        runs: int = Field(default=50, ge=1, description="measured runs a model")
        warmup: int = Field(default=10, ge=0, description="unmeasured runs before")
        rounds: int = Field(default=10, ge=1, description="turns that the runs are spread over")
        threads: int = Field(default=1, ge=1, description="threads that a model runs on")
        score: bool = Field(default=True, description="measure top-1, if the data have labels")
        images: int = Field(default=16, ge=1, description="distinct images to time with")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Load every model, then measure them in turns."""
        models: list[Model] = inputs["models"]
        images = Images(ctx, params.data, "val", None if params.score else params.images)
        rows: list[dict[str, Any]] = [{"bytes": model.bytes(), "status": "ok"} for model in models]
        with contextlib.ExitStack() as stack:
            running: dict[int, Session] = {}
            for index, model in enumerate(models):
                try:
                    opened = ctx.open(model, threads=params.threads, target=params.target)
                    running[index] = stack.enter_context(opened)
                    rows[index]["runtime"] = opened.runtime
                except RuntimeUnavailable as reason:
                    rows[index]["status"] = f"not run: {reason.message}"
                except EdgesmithError as error:
                    ctx.log.warning("%s", error)
                    rows[index]["status"] = f"failed: {error.message.splitlines()[0]}"
            times = self._measure(ctx, running, images, params, rows)
            for index, process in running.items():
                rows[index] |= told(process)
                if times[index]:
                    rows[index] |= latency(times[index], process.model.contract.batch or 1)
                    peak = process.peak_bytes()
                    rows[index] |= {} if peak is None else {"peak_mb": round(peak / 2**20, 1)}
                if params.score and process.predicts and rows[index]["status"] == "ok":
                    rows[index] |= scores(process.predict(images.pixels(process.model.contract)), process.model, images)
        figures = {"models": rows, "threads": params.threads, "runs": params.runs}
        report = {
            **figures,
            "warmup": params.warmup,
            "target": params.target.name,
            "digests": [model.digest for model in models],
            "sections": sections("models", times),
        }
        text = json.dumps(report, indent=1, sort_keys=True)
        (ctx.out("report") / "report.json").write_text(text + "\n", encoding="utf-8")
        return figures

    def _measure(
        self,
        ctx: Context,
        running: Mapping[int, Session],
        images: Images,
        params: Any,
        rows: list[dict[str, Any]],
    ) -> dict[int, list[int] | Timing]:
        """Return each model's latencies in nanoseconds; a model that fails is noted in its row and left out."""
        times: dict[int, list[int] | Timing] = {index: [] for index in running}
        shuffle = random.Random(ctx.seed)
        rounds = min(params.rounds, params.runs)
        alive = set(running)
        for turn in range(rounds):
            share = params.runs // rounds + (turn < params.runs % rounds)
            order = sorted(alive)
            shuffle.shuffle(order)
            for index in order:
                process, so_far = running[index], times[index]
                pixels = images.pixels(process.model.contract)[: params.images]
                runs = share if process.in_turns else params.runs
                try:
                    taken = process.time(pixels, params.warmup if turn == 0 else 1, runs)
                    if isinstance(taken, Timing):
                        times[index] = taken
                    elif not isinstance(so_far, Timing):
                        so_far.extend(taken)
                    if not process.in_turns:
                        alive.discard(index)
                except EdgesmithError as error:
                    ctx.log.warning("%s", error)
                    rows[index]["status"] = f"failed: {error.message.splitlines()[0]}"
                    times[index] = []
                    alive.discard(index)
            ctx.progress(turn + 1, rounds)
        return times


def told(process: Session) -> dict[str, Any]:
    """Return what a session tells of itself: `load_ms`, and the rest as `facts`."""
    facts = dict(process.facts)
    load = facts.pop("load_ms", None)
    return {**({} if load is None else {"load_ms": round(load, 3)}), **({"facts": facts} if facts else {})}


def latency(nanoseconds: Sequence[int] | Timing, batch: int) -> dict[str, float]:
    """Return min, median, p90 and p99 in milliseconds, and images per second at the median.

    Of runs that a device's tool sums up: min, mean, max, standard deviation, the percentiles that it tells, and images
    per second at the median, or at the mean where it tells none.
    """
    import numpy as np

    if isinstance(nanoseconds, Timing):
        return _summed_up(nanoseconds, batch)
    taken = np.asarray(nanoseconds, dtype=np.float64) / 1e6
    median = float(np.median(taken))
    return {
        "min_ms": round(float(taken.min()), 4),
        "median_ms": round(median, 4),
        "p90_ms": round(float(np.percentile(taken, 90)), 4),
        "p99_ms": round(float(np.percentile(taken, 99)), 4),
        "throughput": round(1000 * batch / median, 2),
    }


def _summed_up(timing: Timing, batch: int) -> dict[str, float]:
    named = {"min_ms": timing.min, "mean_ms": timing.mean, "max_ms": timing.max, "std_ms": timing.std}
    named |= {"median_ms" if at == 50 else f"p{at}_ms": value for at, value in timing.percentiles.items()}
    figures = {name: round(value / 1e6, 4) for name, value in named.items()}
    typical = timing.percentiles.get(50, timing.mean)
    return {**figures, "throughput": round(1e9 * batch / typical, 2)}
