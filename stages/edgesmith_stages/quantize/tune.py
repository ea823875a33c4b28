"""The `tune-precision` stage: which operations to quantise, found by measuring on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import CoreMLModel, DatasetRef, OnnxModel, Report, Stage, TfliteModel, Toolchain, UserError, optional
from edgesmith.calibration import too_many
from edgesmith_stages.quantize.assignment import NOT_FASTER, UNTOUCHED
from edgesmith_stages.quantize.budget import Budget, Prefer, Trial, confirmed
from edgesmith_stages.quantize.outcome import headline, nothing_chosen, write
from edgesmith_stages.quantize.schemes import REQUIREMENTS, base_kind

if TYPE_CHECKING:
    from edgesmith import Context, Dataset, Model
    from edgesmith_stages.quantize.bench import Bench, Clock
    from edgesmith_stages.quantize.quantiser import Quantiser
    from edgesmith_stages.quantize.search import Search

STARTS: Mapping[type[Any], tuple[str, ...]] = {
    TfliteModel: ("int8", "dynamic-int8", "fp16"),
    OnnxModel: ("int8", "dynamic-int8", "fp16"),
}
"""Schemes that candidates begin with."""

ANOTHER = "the report connected to `sensitivity`"
CONNECT = "connect the report of `sensitivity` for the same model node"


class TunePrecision(Stage):
    """Find a mixed assignment (int8 where it pays, float where it hurts or is slower) within a budget.

    Candidates are made and measured on this machine, each in a process of its own, in turns with the float file:
    whole schemes; int8 without attention and norms, and of weighted operations alone; then from the fastest one on,
    one role of operations at a time (a type, with or without constants); where accuracy asks for it, the blocks that
    hurt most stay in float. The best within budget is confirmed in fresh pairs of processes. One that isn't faster than
    float here is never taken: `on_regress` says what happens then.

    Of a Core ML package only weights are compressed, and no latency is measured: off an Apple device there is none to
    measure. Each operation's weights take a form of their own (int8, int4, palettes of 6 to 2 bits, float), by the
    noise that they add to the logits in the reference runtime; the smallest package within `max_drop` is taken.

    `assignment` says which operations stay in float and why; connect it to `quantize` (`scheme: auto`). It holds no
    figures, so the file that follows depends on the choice alone, wherever it was made: the same choice gives the
    same bytes. `report` holds what was measured; this node's key says on what machine (`edgesmith cache show`).

    Figures: `chosen`, `why`, `scheme`, `kept` (operations in float, by type), `ratio` (time over float's), `ratios` (of
    each confirming pair), `drop`, `images`, `bytes`, `candidates`; for Core ML no ratios, but `bytes_ratio` (to the
    float package's bytes) and `forms` (operations by form).
    """

    name = "tune-precision"
    inputs = {"model": TfliteModel | OnnxModel | CoreMLModel, "sensitivity": optional(Report)}
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
        images: int | None = Field(None, ge=1, description="measure drops on so many images, drawn by seed, stratified")
        max_drop: float = Field(
            0.003, ge=0, le=1, description="top-1 that may be lost; without labels, share of answers that may differ"
        )
        max_latency: float | str | None = Field(None, description="`0.6x` of float's, or `5 ms`")
        max_bytes: int | str | None = Field(None, description="`0.3x` of float's, `300 kB`, `2 MB`")
        prefer: Prefer | None = Field(
            None, description="what is best among what the budget allows; by default latency, and for Core ML bytes"
        )
        on_regress: Literal["keep", "fail"] = Field(
            "keep",
            description="where nothing within budget is faster (Core ML: smaller) than float: keep that, or fail",
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
        if base_kind(kinds["model"][0]) is CoreMLModel:
            _refuse_latency(params, kinds)
        if params.clock == "cpu" and params.threads > 1:
            raise UserError("CPU time says nothing about latency with several threads", hint="`clock: wall`")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Measure candidates, choose, confirm."""
        from edgesmith.calibration import load
        from edgesmith_stages.answers import right_outputs
        from edgesmith_stages.images import Images
        from edgesmith_stages.quantize.bench import Bench
        from edgesmith_stages.quantize.quantiser import quantiser_for
        from edgesmith_stages.quantize.search import Search

        source: Model = inputs["model"]
        if isinstance(source, CoreMLModel):
            from edgesmith_stages.quantize.coreml.tune import tune_package

            return tune_package(ctx, source, params)
        ranked = None if inputs["sensitivity"] is None else _ranked(inputs["sensitivity"])
        images = Images(ctx, params.data, params.split, params.images)
        right = right_outputs(images, source.contract)
        kind = base_kind(type(source))
        prefer: Prefer = params.prefer or "latency"
        calibration = load(ctx, params.data, source.contract, params.calibration)
        quantiser = quantiser_for(source, calibration, ctx.scratch)
        clock: Clock = "wall" if params.threads > 1 or params.clock == "wall" else "cpu"
        bench = Bench(ctx, source, quantiser, images, right, params.rounds, params.threads, clock)
        budget = Budget.of(params.max_drop, params.max_latency, params.max_bytes, source.bytes())
        with contextlib.closing(bench):
            search = Search(kind.kind, quantiser.operations, bench.measure, bench.score, budget, prefer)
            ctx.progress(0, 4, doing="schemes")
            search.starts(STARTS[kind], quantiser.slow("int8"))
            for label, why in search.failed.items():
                ctx.log.warning("no candidate: %s: %s", label, why)
            ctx.progress(1, 4, doing="roles")
            search.toggle(params.roles)
            ctx.progress(2, 4, doing="accuracy")
            if search.spoilt():
                self._mend(ctx, source, quantiser, search, ranked, params)
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
        ranked: list[str] | None,
        params: Any,
    ) -> None:
        """Leave the most harmful blocks in float."""
        from edgesmith_stages.quantize.graph import blocks
        from edgesmith_stages.quantize.sensitivity import Probe

        if ranked is None:
            found = blocks(quantiser.operations, params.blocks)
            probe = Probe(source, quantiser, source.golden()[0], None, ctx.scratch)
            ranked = [str(row["block"]) for row in probe.rank(found, "one")]
        else:
            found = blocks(quantiser.operations, len(ranked))
            if set(ranked) != set(found):
                raise UserError(f"{ANOTHER} is of another model", hint=CONNECT)
        search.mend(found, ranked)

    def _confirmed(
        self, bench: Bench, search: Search, chosen: Trial | None, params: Any
    ) -> tuple[Trial | None, list[float]]:
        """Time the choice in fresh processes; the next best one where it misses the budget there."""
        while chosen is not None:
            ratios = bench.again(chosen, params.pairs)
            measured = search.corrected(chosen, confirmed(ratios))
            if search.budget.missed(measured) is None:
                return measured, ratios
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
        missed |= {label: f"can't be made: {why}" for label, why in search.failed.items()}
        if chosen is None:
            assignment, why = nothing_chosen(ctx, search.kind, NOT_FASTER, missed, params), NOT_FASTER
        else:
            assignment, why = chosen.assignment, f"{chosen.label}: best by {search.prefer} within budget"
        label, size = (chosen.label, chosen.bytes) if chosen else (UNTOUCHED, source.bytes())
        figures = headline(assignment, label, why, quantiser.operations, len(search.trials), size)
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
        facts = {"clock": clock, "threads": params.threads, "split": params.split, "failed": search.failed}
        write(ctx, assignment, figures, rows, **facts)
        return figures


def _ranked(report: Report) -> list[str]:
    """Return the blocks of a report of `sensitivity`, the most harmful first; raise UserError where it is none."""
    try:
        found = [str(row["block"]) for row in report.read()["blocks"]]
    except (KeyError, TypeError) as error:
        raise UserError(f"{ANOTHER} is of another stage", hint=CONNECT) from error
    if not found:
        raise UserError(f"{ANOTHER} has no block", hint="leave the connection out")
    return found


def _refuse_latency(params: Any, kinds: Mapping[str, Any]) -> None:
    """Refuse what a Core ML package can't be asked for: a latency, and blocks that were ranked in one form."""
    if params.max_latency is not None or params.prefer == "latency":
        given = "max_latency" if params.max_latency is not None else "prefer: latency"
        raise UserError(
            f"`{given}` is for ONNX and TFLite models: a Core ML package's latency is that of an Apple device",
            hint="limit `max_drop` and `max_bytes`, and measure the package with `benchmark` on the target `coreml`",
        )
    if kinds.get("sensitivity"):
        raise UserError(
            "`sensitivity` is for ONNX and TFLite models: of a Core ML package each operation is measured by itself",
            hint="leave the connection out",
        )


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
