"""The `tune-pruning` stage: how much to prune for a latency, found by measuring on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from edgesmith import (
    EdgesmithError,
    OnnxModel,
    Report,
    Stage,
    StageFailed,
    TfliteModel,
    Toolchain,
    TorchModel,
    UserError,
    optional,
)
from edgesmith_stages.prune import Prune, by_reason
from edgesmith_stages.pruning.deploy import deployed, requirements, tools
from edgesmith_stages.pruning.widths import Attention, Scope
from edgesmith_stages.quantize.torch_pt2e.artifact import refuse

if TYPE_CHECKING:
    from edgesmith import Context, Dataset, Model
    from edgesmith_stages.pruning.channels import Plan
    from edgesmith_stages.pruning.trials import Clock, Trial, Trials

CLOSE = 0.03
"""A latency this near to the one asked for, as a share of it, ends the search: what is measured varies as much."""


class TunePruning(Stage):
    """Find the widths that leave most of a network and run in a share of its time, by measuring pruned candidates.

    Channel counts and the runtime's kernels decide what pruning brings, not multiply-accumulates. So candidates are
    made: pruned, fused, exported to the format of `file` (the dense model as it will run, whose time is the measure;
    without it both run in torch), and timed in turns with it. The ratio is bisected for each of `round_to`; the
    candidate with most MACs left within the budget is confirmed in fresh pairs of processes.

    `widths` says how wide each layer stays; connect it to `prune`, which chooses the channels and fine-tunes. It holds
    no figures, so what follows depends on the choice alone: the same choice, wherever it was made, is the same model.
    `report` holds what was measured.

    Figures: `latency` (time over the dense model's, the median of the confirming pairs), `latencies` (of each pair),
    `ratio`, `round_to`, `macs`, `params` (shares that are left), `bytes`, `candidates`, `untouched` (as of `prune`).
    """

    name, version = "tune-pruning", "1"
    inputs = {"model": TorchModel, "file": optional(OnnxModel | TfliteModel)}
    outputs = {"widths": Report, "report": Report}
    runs_models = True
    measures = True

    class Params(Stage.Params):
        """The budget, and how to prune."""

        latency: float = Field(gt=0, lt=1, description="share of the dense model's time that may be left")
        round_to: tuple[int, ...] = Field((8, 16), min_length=1, description="multiples for channel counts to try")
        scope: Scope = Field("layer", description="as of `prune`")
        importance: Literal["magnitude", "lamp"] = Field(
            "magnitude", description="how `scope: global` compares layers; which channels go is for `prune` to say"
        )
        attention: Attention = Field("dims", description="as of `prune`")
        keep: tuple[str, ...] = Field((), description="as of `prune`")
        candidates: int = Field(6, ge=1, description="to make at most, for each of `round_to`")
        pairs: int = Field(3, ge=1, description="fresh pairs of processes for each candidate, and again for the choice")
        threads: int = Field(1, ge=1, description="threads that a model runs on")
        clock: Literal["auto", "cpu", "wall"] = Field(
            "auto", description="what is measured; auto: CPU time with one thread, which other programs hardly disturb"
        )

        @field_validator("round_to", mode="before")
        @classmethod
        def _one(cls, value: Any) -> Any:
            return (value,) if isinstance(value, int) else value

        @field_validator("round_to")
        @classmethod
        def _check_multiples(cls, value: tuple[int, ...]) -> tuple[int, ...]:
            if min(value) < 1:
                raise ValueError("expected numbers of 1 or more")
            return value

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """What pruning and the export to the file's format import."""
        own = [one for one in Prune.requirements if one.startswith("torch-pruning")]
        return Toolchain((*requirements(form(kinds)), *own))

    @classmethod
    def tools(cls, params: Any, kinds: Mapping[str, Any]) -> Mapping[str, Toolchain]:
        """What the export calls that can't share the stage's process."""
        return tools(form(kinds))

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse models that are quantised, and a clock that says nothing."""
        refuse(kinds["model"][0], "`tune-pruning`", "prune before quantising")
        if params.clock == "cpu" and params.threads > 1:
            raise UserError("CPU time says nothing about latency with several threads", hint="`clock: wall`")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Measure candidates, choose, confirm."""
        import torch

        from edgesmith_stages.models.recipe import build
        from edgesmith_stages.pruning.channels import Plan
        from edgesmith_stages.pruning.choice import write_widths
        from edgesmith_stages.pruning.trials import Trials
        from edgesmith_stages.pruning.widths import Rule

        source: TorchModel = inputs["model"]
        clock: Clock = "wall" if params.threads > 1 or params.clock == "wall" else "cpu"
        example = torch.zeros(1, source.contract.channels, *source.contract.size)
        module = build(source.path)
        dense = _dense(ctx, source, inputs.get("file"))
        plan = Plan(params.importance, Rule(params.scope, 1, params.attention), params.keep, ctx.seed)
        trials = Trials(ctx, source, module, example, dense, params.threads, clock, params.pairs)
        untouched = by_reason(plan.trace(module, example).untouched)
        for number, multiple in enumerate(params.round_to):
            ctx.progress(number, len(params.round_to) + 1, doing=f"round_to {multiple}")
            self._search(trials, replace(plan, rule=replace(plan.rule, round_to=multiple)), params)
        ctx.progress(len(params.round_to), len(params.round_to) + 1, doing="confirming")
        chosen, latencies = self._confirmed(trials, params)
        if chosen is None:
            raise _missed(trials, params, plan)
        write_widths(ctx.out("widths"), chosen.widths)
        figures = {
            **chosen.row(),
            "latency": round(median(latencies), 4),
            "latencies": [round(one, 4) for one in latencies],
            "candidates": len(trials.done),
            "untouched": untouched,
        }
        document = {
            **figures,
            "trials": [one.row() for one in trials.done],
            "format": type(dense).kind,
            "clock": clock,
            "threads": params.threads,
        }
        text = json.dumps(document, indent=1, sort_keys=True)
        (ctx.out("report") / "report.json").write_text(text + "\n", encoding="utf-8")
        return figures

    def _search(self, trials: Trials, plan: Plan, params: Any) -> None:
        """Make and time candidates with one rounding."""
        from edgesmith_stages.pruning.budget import search

        groups = plan.scored(plan.trace(trials.module, trials.example))
        cost = partial(trials.measure, plan, groups)
        search(groups, plan.rule, cost, params.latency, params.candidates - 1, CLOSE)

    def _confirmed(self, trials: Trials, params: Any) -> tuple[Trial | None, list[float]]:
        """Time the best candidate in fresh processes; the next best one where it misses the budget there."""
        for trial in _within(trials.done, params.latency):
            latencies = trials.again(trial)
            if median(latencies) <= params.latency:
                return trial, latencies
            trials.ctx.log.info("ratio %.3f misses the budget in fresh processes: %s", trial.ratio, latencies)
        return None, []


def form(kinds: Mapping[str, Any]) -> type[Model]:
    """Return the kind in which candidates run."""
    kind: type[Model] = (*kinds.get("file", ()), TorchModel)[0]
    return kind


def _within(trials: list[Trial], latency: float) -> Iterator[Trial]:
    """Yield the candidates within a budget, that with most MACs left first."""
    yield from sorted((one for one in trials if one.latency <= latency), key=lambda one: -one.macs)


def _dense(ctx: Context, source: TorchModel, file: Model | None) -> Model:
    """Return the dense model as it runs."""
    from edgesmith_stages.models.recipe import Recipe, build

    if file is None:
        ctx.log.warning(
            "no `file` is connected: candidates run in eager torch, where calls cost more than the arithmetic of small "
            "networks; connect the export of this model to `file`"
        )
        folder = ctx.scratch / "dense"
        return deployed(ctx, source, TorchModel, build(source.path), Recipe.read(source.path), folder)
    if file.contract.size != source.contract.size or file.contract.classes != source.contract.classes:
        raise UserError(
            f"the {file.kind} file takes {file.contract.size} images of {len(file.contract.classes)} classes, and the "
            f"model {source.contract.size} of {len(source.contract.classes)}",
            hint="connect the export of this model to `file`",
        )
    return file


def _missed(trials: Trials, params: Any, plan: Plan) -> EdgesmithError:
    if not trials.done:
        name, multiples = type(trials.module).__name__, list(params.round_to)
        return UserError(
            f"no channel of {name} can be pruned with round_to={multiples}", hint="lower round_to, or keep fewer parts"
        )
    least = min(trials.done, key=lambda one: one.latency)
    rows = [f"  round_to {one.round_to}, ratio {one.ratio:.3f}: {one.latency:.2f}x" for one in trials.done]
    keep = f", keep={list(plan.keep)}" if plan.keep else ""
    asked, took = f"{params.latency:g}", f"{least.latency:.2f}"
    told = f"`latency: {asked}` can't be reached: {took} of the dense model's time is the least here"
    if least.latency <= params.latency:
        told = f"`latency: {asked}` was met once, and not again in fresh processes: the machine is busy, or can't do it"
    return StageFailed(
        "\n".join([f"{told}, with a tenth of each layer left{keep}", *rows]),
        hint="ask for less, keep fewer parts, or take a smaller model of the family",
    )  # fmt: skip
