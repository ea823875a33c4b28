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
    ModelProcess,
    Report,
    RuntimeUnavailable,
    Stage,
    many,
)
from edgesmith_stages.evaluate import scores
from edgesmith_stages.images import Images

if TYPE_CHECKING:
    from collections.abc import Sequence


class Benchmark(Stage):
    """Measure models, single-stream: min, median, p90 and p99 latency, throughput, cold load, peak memory.

    Each model is alone in a fresh process with its threads pinned. After a warm-up the models take turns, a few runs at
    a time in a seeded order, so that a noisy minute hits all of them alike. Where the data have labels, top-1 is
    measured in the same processes.
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
        target: str = Field(default="host", description="where models run: a target's name")
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
            running: dict[int, ModelProcess] = {}
            for index, model in enumerate(models):
                try:
                    opened = ctx.open(model, threads=params.threads, target=params.target)
                    running[index] = stack.enter_context(opened)
                    rows[index]["load_ms"] = round(running[index].facts["load_ms"], 3)
                    rows[index]["runtime"] = running[index].runtime
                except RuntimeUnavailable as reason:
                    rows[index]["status"] = f"not run: {reason.message}"
                except EdgesmithError as error:
                    rows[index]["status"] = f"failed: {error.message.splitlines()[0]}"
            times = self._measure(ctx, running, images, params, rows)
            for index, process in running.items():
                if times[index]:
                    rows[index] |= latency(times[index], process.model.contract.batch or 1)
                    rows[index]["peak_mb"] = round(process.peak_bytes() / 2**20, 1)
                if params.score and rows[index]["status"] == "ok":
                    rows[index] |= scores(process.predict(images.pixels(process.model.contract)), process.model, images)
        figures = {"models": rows, "threads": params.threads, "runs": params.runs}
        text = json.dumps({**figures, "warmup": params.warmup, "target": params.target}, indent=1, sort_keys=True)
        (ctx.out("report") / "report.json").write_text(text + "\n", encoding="utf-8")
        return figures

    def _measure(
        self,
        ctx: Context,
        running: Mapping[int, ModelProcess],
        images: Images,
        params: Any,
        rows: list[dict[str, Any]],
    ) -> dict[int, list[int]]:
        """Return each model's latencies in nanoseconds; a model that fails is noted in its row and left out."""
        times: dict[int, list[int]] = {index: [] for index in running}
        shuffle = random.Random(ctx.seed)
        rounds = min(params.rounds, params.runs)
        alive = set(running)
        for turn in range(rounds):
            share = params.runs // rounds + (turn < params.runs % rounds)
            order = sorted(alive)
            shuffle.shuffle(order)
            for index in order:
                process = running[index]
                pixels = images.pixels(process.model.contract)[: params.images]
                try:
                    times[index] += process.time(pixels, params.warmup if turn == 0 else 1, share)
                except EdgesmithError as error:
                    rows[index]["status"] = f"failed: {error.message.splitlines()[0]}"
                    times[index] = []
                    alive.discard(index)
            ctx.progress(turn + 1, rounds)
        return times


def latency(nanoseconds: Sequence[int], batch: int) -> dict[str, float]:
    """Return min, median, p90 and p99 in milliseconds, and images per second at the median."""
    import numpy as np

    taken = np.asarray(nanoseconds, dtype=np.float64) / 1e6
    median = float(np.median(taken))
    return {
        "min_ms": round(float(taken.min()), 4),
        "median_ms": round(median, 4),
        "p90_ms": round(float(np.percentile(taken, 90)), 4),
        "p99_ms": round(float(np.percentile(taken, 99)), 4),
        "throughput": round(1000 * batch / median, 2),
    }
