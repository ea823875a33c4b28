"""The `prune` stage: fewer channels, then fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from edgesmith import Context, Report, Stage, TorchModel, UserError, optional
from edgesmith_stages.pruning.choice import Target
from edgesmith_stages.pruning.importance import LEARNED, Importance
from edgesmith_stages.pruning.widths import Attention, Scope
from edgesmith_stages.quantize.torch_pt2e.artifact import refuse
from edgesmith_stages.train import REQUIREMENTS
from edgesmith_stages.training.options import TrainingOptions, TuningOptions

if TYPE_CHECKING:
    from torch import nn

    from edgesmith import Dataset, InputContract
    from edgesmith_stages.pruning.channels import Plan
    from edgesmith_stages.pruning.iterate import Way
    from edgesmith_stages.pruning.widths import Group, Widths
    from edgesmith_stages.training.data import TrainingData

RATIO = 0.3
"""What is taken out where nothing else is asked for."""


class Prune(Stage):
    """Take whole channels out of a network by its dependency graph (https://arxiv.org/abs/2301.12900), then fine-tune.

    How much goes is a `ratio` of the channels, a `target` of what may be left, or the `widths` that `tune-pruning`
    found by measuring. With `steps`, a little goes at a time, with fine-tuning between. Fine-tuning listens to the
    unpruned model.

    Figures: `params` and `macs`, `_before` and `_after`; top-1 on val of the model that came in (`top1_before`), before
    the last fine-tuning (`top1_pruned`), and of the result (`top1`); `loss`, `epochs`; `searched`, each candidate for a
    `target`; `steps`, what each one left; `untouched`, by reason, the layers whose outputs can't be pruned.
    """

    name, version = "prune", "2"
    inputs = {"model": TorchModel, "widths": optional(Report)}
    outputs = {"model": TorchModel}
    requirements = (*REQUIREMENTS, "torch-pruning>=1.6,<1.7")

    class Params(TuningOptions):
        """What to take out, and how to make up for it."""

        ratio: float | None = Field(
            default=None, gt=0, lt=1, description=f"share of the channels to take out [default: {RATIO}]"
        )
        target: Target | None = Field(
            default=None, description="instead: what may be left, `{macs: 0.5}` or `{params: 0.5}` of the model's"
        )
        importance: Importance = Field(default="magnitude", description="which channels go first")
        scope: Scope = Field(
            default="layer", description="the same share of each layer, or the weakest of all layers together"
        )
        round_to: int = Field(default=1, ge=1, description="make channel counts multiples of this (8 or 16 is fast)")
        attention: Attention = Field(
            default="dims", description="what attention loses: channels of every head, whole heads, or both"
        )
        keep: tuple[str, ...] = Field(default=(), description="parts to leave whole, as `stages.3.*`")
        steps: int = Field(default=1, ge=1, description="how often a little is taken out")
        step_epochs: int = Field(default=1, ge=0, description="fine-tuning between two of them")
        finetune_epochs: int = Field(default=2, ge=0, description="fine-tuning at the end; 0: none")
        distill: bool = Field(default=True, description="fine-tune on the unpruned model's answers, too")
        temperature: float = Field(default=4.0, gt=0, description="of distilling: softens both sides")
        alpha: float = Field(default=0.7, ge=0, le=1, description="of distilling: weight of the unpruned model")

        @model_validator(mode="after")
        def _check_amount(self) -> Self:
            if self.ratio is not None and self.target is not None:
                raise ValueError("`ratio` and `target` both say how much to prune: give one of them")
            if self.steps == 1 and self.step_epochs != 1:
                raise ValueError("`step_epochs` is the fine-tuning between steps, and `steps` is 1: raise it")
            return self

        @property
        def epochs(self) -> list[int]:
            """Epochs of fine-tuning after each step."""
            return [self.step_epochs] * (self.steps - 1) + [self.finetune_epochs]

        @property
        def training(self) -> TrainingOptions:
            """The options of fine-tuning at the end."""
            return self.training_for(self.finetune_epochs)

        def training_for(self, epochs: int) -> TrainingOptions:
            """Return the options of fine-tuning for some epochs."""
            shared = {name: getattr(self, name) for name in TuningOptions.model_fields}
            return TrainingOptions(**shared, epochs=max(1, epochs))

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse models that are quantised, params that `widths` decides, and data without the labels needed."""
        refuse(kinds["model"][0], "`prune`", "prune before quantising")
        if kinds.get("widths"):
            default = cls.Params()
            names = ("ratio", "target", "scope", "round_to", "attention", "keep")
            given = [name for name in names if getattr(params, name) != getattr(default, name)]
            if given:
                raise UserError(
                    f"the report connected to `widths` says how much to prune, and so do: {', '.join(given)}",
                    hint="give them to `tune-pruning`, or don't connect `widths`",
                )
        if "data" in datasets:
            check_labels(datasets["data"], params)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Prune, fine-tune, write."""
        import torch

        from edgesmith_stages.models.recipe import Recipe, build, save
        from edgesmith_stages.models.size import count_macs, count_params
        from edgesmith_stages.pruning.iterate import Way
        from edgesmith_stages.pruning.widths import schedule
        from edgesmith_stages.training.setting import repeatable

        source: TorchModel = inputs["model"]
        contract = source.contract
        data = training_data(ctx, contract, params)
        module, recipe = build(source.path), Recipe.read(source.path)
        example = torch.zeros(1, contract.channels, *contract.size)
        way = Way(ctx, example, plan_of(params, ctx.seed), data)
        figures: dict[str, Any] = {"params_before": count_params(module), "macs_before": count_macs(module, example)}
        with repeatable(params.threads):
            if data:
                figures["top1_before"] = score(module, data)
            trace, groups = look = way.look(module)
            for why, names in by_reason(trace.untouched).items():
                ctx.log.info("%d layers keep their outputs (%s): %s", len(names), why, ", ".join(names))
            widths, told = self._widths(way, module, groups, inputs.get("widths"), params)
            stops = schedule(groups, widths, params.steps)
            tune = partial(self._tune, ctx, source, data, params)
            module, recipe, rows = way.go(module, recipe, stops, tune, look)
            figures |= {"params_after": count_params(module), "macs_after": count_macs(module, example), **told}
            if data:
                figures["top1_pruned"] = score(module, data)
        ctx.log.info(
            "pruned: %d -> %d params, %d -> %d MACs",
            *(figures[f"{what}_{when}"] for what in ("params", "macs") for when in ("before", "after")),
        )
        if data and params.finetune_epochs:
            figures |= finetune(ctx, module, source, data, params, params.finetune_epochs)
        elif data:
            figures["top1"] = figures["top1_pruned"]
        save(ctx.out("model"), module, recipe, contract, source.golden()[0])
        return {**figures, **({"steps": rows} if rows else {}), "untouched": by_reason(trace.untouched)}

    def _widths(
        self, way: Way, module: nn.Module, groups: list[Group], report: Report | None, params: Any
    ) -> tuple[Widths, dict[str, Any]]:
        """Return the widths to prune to, and what there is to tell of how they were found."""
        from edgesmith_stages.pruning.choice import budgeted, read_widths

        if report is not None:
            return read_widths(report, groups), {}
        if params.target is None:
            return way.plan.widths(groups, params.ratio or RATIO, type(module).__name__), {}
        widths, tried = budgeted(way.ctx, module, way.example, way.plan, groups, params.target)
        return widths, {"searched": tried}

    def _tune(
        self, ctx: Context, source: TorchModel, data: TrainingData | None, params: Any, module: nn.Module
    ) -> None:
        if data and params.step_epochs:
            finetune(ctx, module, source, data, params, params.step_epochs)


def plan_of(params: Any, seed: int) -> Plan:
    """Return how to prune by a stage's params."""
    from edgesmith_stages.pruning.channels import Plan
    from edgesmith_stages.pruning.widths import Rule

    return Plan(params.importance, Rule(params.scope, params.round_to, params.attention), params.keep, seed)


def by_reason(untouched: Mapping[str, str]) -> dict[str, list[str]]:
    """Return, by reason, the layers that can't be pruned."""
    found: dict[str, list[str]] = {}
    for name, why in untouched.items():
        found.setdefault(why, []).append(name)
    return found


def check_labels(dataset: Dataset, params: Any) -> None:
    """Raise UserError where the params need labels and the dataset has none."""
    if not dataset.classes and (any(params.epochs) or params.importance in LEARNED):
        raise UserError(
            f"the dataset {params.data.name!r} has no labels, which fine-tuning and `importance: taylor` or `hessian` "
            "need",
            hint="name a labelled dataset as `data`, or set `finetune_epochs: 0`"
            + (", `step_epochs: 0`" if params.steps > 1 else "")
            + " and `importance: magnitude`",
        )


def training_data(ctx: Context, contract: InputContract, params: Any) -> TrainingData | None:
    """Open the dataset; None where it has no labels and none are needed.

    Raises:
        UserError: labels are needed and missing, or the classes are not the model's.
    """
    from edgesmith_stages.training.data import TrainingData

    dataset: Dataset = ctx.dataset(params.data)
    check_labels(dataset, params)
    classes = tuple(dataset.classes)
    if not classes:
        return None
    if classes != contract.classes:
        raise UserError(
            f"the model has {len(contract.classes)} classes that are not the {len(classes)} of the dataset "
            f"{params.data.name!r}",
            hint="prune on the dataset that the model was trained on",
        )
    return TrainingData.open(dataset, contract, params.training)


def score(module: nn.Module, data: TrainingData) -> float:
    """Return top-1 on val, on the CPU."""
    import torch

    return round(data.score(module, torch.device("cpu"), torch.contiguous_format), 6)


def finetune(
    ctx: Context, module: nn.Module, source: TorchModel, data: TrainingData, params: Any, epochs: int
) -> dict[str, Any]:
    """Train the pruned module in place for some epochs; return the figures of training."""
    from edgesmith_stages.models.recipe import build
    from edgesmith_stages.training.device import pick_device
    from edgesmith_stages.training.loop import fit
    from edgesmith_stages.training.losses import Loss, cross_entropy, soft_targets

    options = params.training_for(epochs)
    loss: Loss = cross_entropy
    if params.distill:
        device = pick_device(options)
        unpruned = build(source.path).to(device.torch, memory_format=device.memory_format)
        loss = soft_targets(unpruned, params.temperature, params.alpha)
    return fit(ctx, module, loss, data, options).figures()
