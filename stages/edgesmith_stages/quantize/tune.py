"""The `tune-precision` stage: which operations to quantise, found by measuring on this machine."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import DatasetRef, OnnxModel, Report, Stage, StageFailed, TfliteModel, Toolchain, UserError, optional
from edgesmith.calibration import too_many
from edgesmith_stages.quantize.assignment import NOT_FASTER, UNTOUCHED, Assignment
from edgesmith_stages.quantize.budget import Budget, Prefer, Trial
from edgesmith_stages.quantize.schemes import REQUIREMENTS, base_kind

if TYPE_CHECKING:
    from edgesmith import Context, Dataset, Model
    from edgesmith_stages.quantize.bench import Bench, Clock
    from edgesmith_stages.quantize.quantiser import Quantiser
    from edgesmith_stages.quantize.search import Search

STARTS: Mapping[type[Any], tuple[str, ...]] = {
    TfliteModel: ("int8", "dynamic-int8", "fp16"),
    OnnxModel: ("int8", "dynamic-int8"),
}
"""Schemes that candidates begin with."""


class TunePrecision(Stage):
    """Find a mixed assignment (int8 where it pays, float where it hurts or is slower) within a budget.

    Candidates are made and measured on this machine, each in a process of its own, in turns with the float file:
    whole schemes; int8 without attention and norms, and of weighted operations alone; then from the fastest one on,
    one role of operations at a time (a type, with or without constants); where accuracy asks for it, the blocks that
    hurt most stay in float. The best within budget is confirmed in fresh pairs of processes. One that isn't faster than
    float here is never taken: `on_regress` says what happens then.

    `assignment` says which operations stay in float and why; connect it to `quantize` (`scheme: auto`). It holds no
    figures, so the file that follows depends on the choice alone, wherever it was made: the same choice gives the
    same bytes. `report` holds what was measured; this node's key says on what machine (`edgesmith cache show`).

    Figures: `chosen`, `why`, `scheme`, `kept` (operations in float, by type), `ratio` (time over float's), `ratios` (of
    each confirming pair), `drop`, `images`, `bytes`, `candidates`.
    """

    name = "tune-precision"
    inputs = {"model": TfliteModel | OnnxModel, "sensitivity": optional(Report)}
    outputs = {"assignment": Report, "report": Report}
    runs_models = True
    measures = True

    class Params(Stage.Params):
        """The budget, and how long to look."""

        data: DatasetRef = Field(description="dataset to calibrate on (train) and to measure drops on (`split`)")
        calibration: int = Field(128, ge=1, description="calibration images, drawn by seed, stratified")
        split: Literal["train", "val"] = Field(
            "val", description="where drops are measured; choose `train` to keep `val` for a final verdict"
        )
        images: int | None = Field(None, ge=1, description="measure drops on the first images alone")
        max_drop: float = Field(
            0.003, ge=0, le=1, description="top-1 that may be lost; without labels, share of answers that may differ"
        )
        max_latency: float | str | None = Field(None, description="`0.6x` of float's, or `5 ms`")
        max_bytes: int | str | None = Field(None, description="`0.3x` of float's, `300 kB`, `2 MB`")
        prefer: Prefer = Field("latency", description="what is best among what the budget allows")
        on_regress: Literal["keep", "fail"] = Field(
            "keep", description="where nothing within budget is faster than float: keep the float file, or fail"
        )
        roles: int = Field(16, ge=0, description="roles of operations to try one by one, the most frequent first")
        blocks: int = Field(24, ge=2, description="blocks to look for the harmful ones among")
        rounds: int = Field(6, ge=1, description="turns of each candidate")
        pairs: int = Field(3, ge=1, description="fresh pairs of processes that confirm the choice")
        threads: int = Field(1, ge=1, description="threads that a model runs on")
        clock: Literal["auto", "cpu", "wall"] = Field(
            "auto", description="what is measured; auto: CPU time with one thread, which other programs hardly disturb"
        )

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """The library of the input's format."""
        return Toolchain((*REQUIREMENTS[base_kind(kinds["model"][0])], "pillow"))

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse limits that can't be read, and more calibration images than there are."""
        Budget.of(params.max_drop, params.max_latency, params.max_bytes, 1)
        count = datasets["data"].count("train") if "data" in datasets else None
        if count is not None and params.calibration > count:
            raise too_many(params.calibration, count, params.data.name)
        if params.clock == "cpu" and params.threads > 1:
            raise UserError("CPU time says nothing about latency with several threads", hint="`clock: wall`")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Measure candidates, choose, confirm."""
        from edgesmith.calibration import load
        from edgesmith_stages.images import Images
        from edgesmith_stages.quantize.bench import Bench
        from edgesmith_stages.quantize.quantiser import quantiser_for
        from edgesmith_stages.quantize.search import Search

        source: Model = inputs["model"]
        kind = base_kind(type(source))
        calibration = load(ctx, params.data, source.contract, params.calibration)
        quantiser = quantiser_for(source, calibration, ctx.scratch)
        images = Images(ctx, params.data, params.split, params.images)
        clock: Clock = "wall" if params.threads > 1 or params.clock == "wall" else "cpu"
        bench = Bench(ctx, source, quantiser, images, params.rounds, params.threads, clock)
        budget = Budget.of(params.max_drop, params.max_latency, params.max_bytes, source.bytes())
        with contextlib.closing(bench):
            search = Search(kind.kind, quantiser.operations, bench.measure, bench.score, budget, params.prefer)
            ctx.progress(0, 4, doing="schemes")
            search.starts(STARTS[kind], quantiser.slow("int8"))
            ctx.progress(1, 4, doing="roles")
            search.toggle(params.roles)
            ctx.progress(2, 4, doing="accuracy")
            if search.spoilt():
                self._mend(ctx, source, quantiser, search, inputs["sensitivity"], params)
            chosen = search.choose()
            ctx.progress(3, 4, doing="confirming")
            chosen, ratios = self._confirmed(bench, search, chosen, params)
        ctx.progress(4, 4)
        return self._deliver(ctx, source, quantiser, search, chosen, ratios, clock, params)

    def _mend(
        self,
        ctx: Context,
        source: Model,
        quantiser: Quantiser,
        search: Search,
        report: Report | None,
        params: Any,
    ) -> None:
        """Leave the most harmful blocks in float."""
        from edgesmith_stages.quantize.graph import blocks
        from edgesmith_stages.quantize.sensitivity import Probe

        if report is None:
            found = blocks(quantiser.operations, params.blocks)
            probe = Probe(source, quantiser, source.golden()[0], None, ctx.scratch)
            ranked = [str(row["block"]) for row in probe.rank(found, "one")]
        else:
            ranked = [str(row["block"]) for row in report.read()["blocks"]]
            found = blocks(quantiser.operations, len(ranked))
            if set(ranked) != set(found):
                raise UserError(
                    "the report connected to `sensitivity` is of another model",
                    hint="connect the report of `sensitivity` for the same model node",
                )
        search.mend(found, ranked)

    def _confirmed(
        self, bench: Bench, search: Search, chosen: Trial | None, params: Any
    ) -> tuple[Trial | None, list[float]]:
        """Time the choice in fresh processes; the next best one where it misses the budget there."""
        while chosen is not None:
            ratios = bench.again(chosen, params.pairs)
            confirmed = search.corrected(chosen, median(ratios))
            if search.budget.missed(confirmed) is None:
                return confirmed, ratios
            chosen = search.choose()
        return None, []

    def _deliver(
        self,
        ctx: Context,
        source: Model,
        quantiser: Quantiser,
        search: Search,
        chosen: Trial | None,
        ratios: list[float],
        clock: str,
        params: Any,
    ) -> Mapping[str, Any]:
        """Write both reports; return the figures."""
        missed = {one.label: search.budget.missed(one) for one in search.trials}
        if chosen is None:
            why = NOT_FASTER
            if params.on_regress == "fail":
                lines = [f"  {label}: {reason}" for label, reason in missed.items() if reason]
                raise StageFailed(
                    "\n".join([why, *lines]), hint="raise the budget, or let `on_regress: keep` pass it on"
                )
            ctx.log.warning("%s: the float file is kept", why)
            assignment = Assignment(search.kind, UNTOUCHED, why=why)
        else:
            assignment, why = chosen.assignment, f"{chosen.label}: best by {params.prefer} within budget"
        assignment.write(ctx.out("assignment"))
        types = {one.name: one.op for one in quantiser.operations}
        figures: dict[str, Any] = {
            "chosen": chosen.label if chosen else UNTOUCHED,
            "scheme": assignment.scheme,
            "why": why,
            "kept": dict(sorted(Counter(types[name] for name in assignment.keep).items())),
            "candidates": len(search.trials),
            "bytes": chosen.bytes if chosen else source.bytes(),
        }
        if chosen is None:
            # The file is the float file: it takes as long as that, and loses nothing.
            figures |= {"ratio": 1.0, "drop": 0.0}
        else:
            figures |= {
                "ratio": round(chosen.ratio, 4),
                "ratios": [round(one, 4) for one in ratios],
                "drop": chosen.drop,
                "images": chosen.images,
                "sqnr_db": round(chosen.sqnr_db, 2),
            }
        rows = [_row(one) | {"missed": missed.get(one.label)} for one in search.trials]
        document = {**figures, "trials": rows, "clock": clock, "threads": params.threads, "split": params.split}
        text = json.dumps(document, indent=1, sort_keys=True)
        (ctx.out("report") / "report.json").write_text(text + "\n", encoding="utf-8")
        return figures


def _row(trial: Trial) -> dict[str, Any]:
    """One line of the report."""
    return {
        "label": trial.label,
        "scheme": trial.assignment.scheme,
        "kept": len(trial.assignment.keep),
        "bytes": trial.bytes,
        "ms": round(trial.ms, 4),
        "float_ms": round(trial.float_ms, 4),
        "ratio": round(trial.ratio, 4),
        "sqnr_db": round(trial.sqnr_db, 2),
        "drop": trial.drop,
    }
