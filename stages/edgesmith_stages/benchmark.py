"""The `benchmark` stage: latency, throughput, load time and memory, on a target."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from edgesmith import Context, DatasetRef, Model, Report, Stage, TargetRef, Timing, many
from edgesmith_stages.benchmarking.concurrent import measure_concurrent, refuse_too_many
from edgesmith_stages.benchmarking.figures import latency, peak, told
from edgesmith_stages.benchmarking.in_turns import Runner, time_in_turns
from edgesmith_stages.benchmarking.setting import Row, Setting, noted
from edgesmith_stages.benchmarking.sustained import Load, measure_sustained
from edgesmith_stages.benchmarking.sweep import measure_sizes
from edgesmith_stages.images import Images
from edgesmith_stages.samples import sections

Side = Annotated[int, Field(gt=0)]


class Benchmark(Stage):
    """Measure models, single-stream: min, median, p90 and p99 latency, throughput, cold load, peak memory.

    Each model is alone in a fresh process with its threads pinned. After a warm-up the models take turns, a few runs at
    a time in a seeded order, so that a noisy minute hits all of them alike. Where the data have labels, top-1 is
    measured in the same processes. A target whose tool starts anew with each call makes a model's runs in one go; one
    that gives no outputs scores nothing.

    `mode: sustained` loads one model at a time for minutes without a pause: latency, memory and the machine's own pace
    over time, cold starts apart from warm runs, and whether the model stays as fast and as small as it began.
    `concurrency` and `sizes` add measurements of several processes at once, and of other image sizes, in either mode
    (docs/benchmarking.md).
    """

    name, version = "benchmark", "1"
    inputs = {"models": many(Model)}
    outputs = {"report": Report}
    requirements = ("numpy", "pillow", "psutil>=6")
    runs_models = True
    measures = True

    class Params(Stage.Params):
        """How long and on what to measure."""

        data: DatasetRef = Field(default=DatasetRef(name="random"), description="dataset to run and to score on (val)")
        target: TargetRef = Field(
            default=TargetRef(name="host"), description="where models run: a target's name, with its params if any"
        )
        mode: Literal["turns", "sustained"] = Field(
            default="turns", description="models in turns, a few runs each; or one at a time, for minutes"
        )
        runs: int = Field(default=50, ge=1, description="measured runs a model (in turns, and at each of `sizes`)")
        warmup: int = Field(default=10, ge=0, description="unmeasured runs before")
        rounds: int = Field(default=10, ge=1, description="turns that the runs are spread over")
        threads: int = Field(default=1, ge=1, description="threads that a model runs on")
        score: bool = Field(default=True, description="measure top-1, if the data have labels")
        images: int = Field(default=16, ge=1, description="distinct images to time with (in turns)")
        minutes: float = Field(
            default=5, gt=0, le=1440, allow_inf_nan=False, description="of load on each model (sustained)"
        )
        starts: int = Field(default=3, ge=1, description="cold starts of each model, in fresh processes (sustained)")
        rest: float = Field(
            default=30, ge=0, le=3600, allow_inf_nan=False, description="idle seconds between models (sustained)"
        )
        at_least: float = Field(
            default=0.1, gt=0, lt=10, description="smallest slow-down to find, as a share (sustained)"
        )
        concurrency: int = Field(
            default=1, ge=1, le=64, description="also run 1, 2, ... up to so many processes of a model at once"
        )
        seconds: float = Field(
            default=3, gt=0, le=3600, allow_inf_nan=False, description="for each number of processes at once"
        )
        sizes: tuple[Side | tuple[Side, Side], ...] = Field(
            default=(), description="also time each model at these image sizes: sides, or [height, width]"
        )

    @classmethod
    def check(cls, params: Any, kinds: Any, datasets: Any) -> None:
        """Refuse more processes at once than this machine has processors for."""
        if params.target.name == "host":
            refuse_too_many(params.concurrency, params.threads)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Measure as `mode` says, then what else is asked for."""
        models: list[Model] = inputs["models"]
        images = Images(ctx, params.data, "val", None if params.score else params.images)
        setting = Setting(ctx, images, params.target, params.threads)
        rows: list[Row] = [{"bytes": model.bytes(), "status": "ok"} for model in models]
        if params.mode == "sustained":
            load = Load(60 * params.minutes, params.warmup, params.starts, params.rest, params.at_least)
            shown = measure_sustained(setting, models, rows, load, params.score)
            figures: dict[str, Any] = {"models": rows, "threads": params.threads, "minutes": params.minutes}
        else:
            shown = sections("models", self._in_turns(setting, models, rows, params))
            figures = {"models": rows, "threads": params.threads, "runs": params.runs}
        if params.concurrency > 1:
            shown += measure_concurrent(setting, models, rows, params.concurrency, params.seconds)
        if params.sizes:
            pairs = [(one, one) if isinstance(one, int) else one for one in params.sizes]
            shown += measure_sizes(setting, models, rows, pairs, (params.warmup, params.runs, params.rounds))
        report = {
            **figures,
            "mode": params.mode,
            "warmup": params.warmup,
            "target": params.target.name,
            "digests": [model.digest for model in models],
            "sections": shown,
        }
        text = json.dumps(report, indent=1, sort_keys=True)
        (ctx.out("report") / "report.json").write_text(text + "\n", encoding="utf-8")
        return figures

    def _in_turns(
        self, setting: Setting, models: list[Model], rows: list[Row], params: Any
    ) -> dict[int, list[int] | Timing]:
        """Load every model, time them in turns, and fill their rows; return the latencies."""
        from edgesmith_stages.evaluate import scores

        with contextlib.ExitStack() as stack:
            runners: dict[int, Runner] = {}
            for index, model in enumerate(models):
                with noted(rows[index], setting.ctx):
                    session = stack.enter_context(setting.open(model))
                    rows[index]["runtime"] = session.runtime
                    runners[index] = Runner(session, setting.pixels(model, params.images), rows[index])
            times = time_in_turns(setting, runners, params.warmup, params.runs, params.rounds)
            for index, runner in runners.items():
                session, row = runner.session, rows[index]
                with noted(row, setting.ctx):
                    row.update(told(session))
                    if times[index]:
                        row.update(latency(times[index], session.model.contract.batch or 1) | peak(session))
                    if params.score and session.predicts and row["status"] == "ok":
                        answers = session.predict(setting.images.pixels(session.model.contract))
                        row.update(scores(answers, session.model, setting.images))
        return times
