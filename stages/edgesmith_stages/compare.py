"""The `compare` stage: how much faster, smaller and righter models are than a baseline, and how sure that is."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import Field

from edgesmith import (
    Context,
    DatasetRef,
    EdgesmithError,
    Model,
    Report,
    RuntimeUnavailable,
    Stage,
    StageFailed,
    TargetRef,
    many,
)
from edgesmith.estimates import FEWEST
from edgesmith.turns import Beside, Entrant, measure_round
from edgesmith_stages.benchmarking.comparison import Tried, accuracy, own_figures, sections, speed, try_model
from edgesmith_stages.benchmarking.setting import FEW, Row, Setting, noted
from edgesmith_stages.images import Images


class Compare(Stage):
    """Compare models with a baseline in one session, with intervals: speed, top-1, memory.

    All models run side by side in fresh processes, a few milliseconds in turn, on one processor where they run on one
    thread; that is done again `processes` times, because a model's speed varies more between processes than within
    one. Each time gives one ratio of medians a model. The speed-up is their centre (Hodges-Lehmann), its interval a
    bootstrap over processes: `speedup`, `speedup_low`, `speedup_high`, and `verdict`: faster, slower or unsure. The
    same for CPU time, on one thread: `cpu_speedup`. Where the data have labels, `top1_change` is the difference on the
    same images, with a paired interval. Each model's intervals hold by themselves with `certainty`
    (docs/benchmarking.md).
    """

    name, version = "compare", "1"
    inputs = {"baseline": Model, "candidates": many(Model)}
    outputs = {"report": Report}
    requirements = ("numpy", "pillow")
    runs_models = True
    measures = True

    class Params(Stage.Params):
        """How often and on what to measure."""

        data: DatasetRef = Field(default=DatasetRef(name="random"), description="dataset to run and to score on (val)")
        target: TargetRef = Field(
            default=TargetRef(name="host"), description="where models run: a target's name, with its params if any"
        )
        processes: int = Field(default=12, ge=FEWEST, le=100, description="fresh processes of each model")
        threads: int = Field(default=1, ge=1, description="threads that a model runs on")
        score: bool = Field(default=True, description="compare top-1, if the data have labels")
        certainty: float = Field(default=0.95, ge=0.5, lt=1, description="of the intervals")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Try each model once, then measure all that run, side by side, again and again."""
        baseline: Model = inputs["baseline"]
        candidates: list[Model] = inputs["candidates"]
        images = Images(ctx, params.data, "val", None if params.score else FEW)
        setting = Setting(ctx, images, params.target, params.threads)
        try:
            reference = try_model(setting, baseline, params.score)
        except RuntimeUnavailable as reason:
            raise StageFailed(
                f"the baseline can't be run: {reason.message}", hint="compare with a model that runs on this target"
            ) from reason
        rows: list[Row] = [{"bytes": model.bytes(), "status": "ok"} for model in candidates]
        tried: dict[int, Tried] = {}
        for index, model in enumerate(candidates):
            with noted(rows[index], ctx):
                tried[index] = try_model(setting, model, params.score)
        rounds = _rounds(setting, [baseline, *(candidates[index] for index in tried)], params) if tried else []
        for place, (index, one) in enumerate(tried.items(), 1):
            seen = [beside[place] for beside in rounds]
            rows[index] |= {"runtime": one.runtime, "bytes_ratio": round(rows[index]["bytes"] / baseline.bytes(), 4)}
            rows[index] |= speed(seen, params.certainty, ctx.seed, cpu=params.threads == 1)
            rows[index] |= accuracy(reference, one, params.certainty)
        figures = {
            "candidates": rows,
            "baseline": own_figures(baseline, reference, rounds),
            "processes": params.processes,
            "threads": params.threads,
            "certainty": params.certainty,
            **({} if reference.top1 is None else {"images": images.count}),
        }
        report = {
            **figures,
            "target": params.target.name,
            "digests": {"baseline": baseline.digest, "candidates": [model.digest for model in candidates]},
            "sections": sections(tried, rounds),
        }
        text = json.dumps(report, indent=1, sort_keys=True)
        (ctx.out("report") / "report.json").write_text(text + "\n", encoding="utf-8")
        return figures


def _rounds(setting: Setting, models: Sequence[Model], params: Any) -> list[list[Beside]]:
    chance = random.Random(setting.ctx.seed)
    entrants = [Entrant(partial(setting.open, model), setting.pixels(model)) for model in models]
    rounds = []
    for done in range(params.processes):
        setting.go_on()
        setting.ctx.progress(done, params.processes)
        try:
            rounds.append(measure_round(entrants, chance, one_processor=params.threads == 1))
        except EdgesmithError as error:
            raise StageFailed(
                f"round {done + 1} of {params.processes}: {error.message}",
                hint=error.hint or f"all {len(models)} models are in memory at once: compare fewer, or see above",
            ) from error
    setting.ctx.progress(params.processes, params.processes)
    return rounds
