"""The `prune` stage: fewer channels, then fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import Context, Stage, StageFailed, TorchModel, UserError
from edgesmith_stages.pruning.importance import Importance
from edgesmith_stages.quantize.torch_pt2e.artifact import refuse
from edgesmith_stages.train import REQUIREMENTS
from edgesmith_stages.training.options import TrainingOptions, TuningOptions

if TYPE_CHECKING:
    import torch
    from torch import nn

    from edgesmith import Dataset, InputContract
    from edgesmith_stages.models.steps import Prune as Step
    from edgesmith_stages.training.data import TrainingData

TAYLOR_BATCHES = 16
"""Training batches that `importance: taylor` takes its gradients from."""


class Prune(Stage):
    """Take whole channels out of a network by its dependency graph (https://arxiv.org/abs/2301.12900), then fine-tune.

    Attention keeps its heads; every head loses the same channels. Fine-tuning listens to the unpruned model.
    """

    name, version = "prune", "1"
    inputs = {"model": TorchModel}
    outputs = {"model": TorchModel}
    requirements = (*REQUIREMENTS, "torch-pruning>=1.6,<1.7")

    class Params(TuningOptions):
        """What to take out, and how to make up for it."""

        ratio: float = Field(default=0.3, gt=0, lt=1, description="share of the channels to take out")
        importance: Importance = Field(default="magnitude", description="which channels go first")
        scope: Literal["global", "layer"] = Field(
            default="layer", description="the same share of each layer, or the weakest of all layers together"
        )
        round_to: int = Field(default=1, ge=1, description="make channel counts multiples of this (8 is fast)")
        keep: tuple[str, ...] = Field(default=(), description="parts to leave whole, as `stages.3.*`")
        finetune_epochs: int = Field(default=2, ge=0, description="0: no fine-tuning")
        distill: bool = Field(default=True, description="fine-tune on the unpruned model's answers, too")
        temperature: float = Field(default=4.0, gt=0, description="of distilling: softens both sides")
        alpha: float = Field(default=0.7, ge=0, le=1, description="of distilling: weight of the unpruned model")

        @property
        def training(self) -> TrainingOptions:
            """The options of fine-tuning."""
            shared = {name: getattr(self, name) for name in TuningOptions.model_fields}
            return TrainingOptions(**shared, epochs=max(1, self.finetune_epochs))

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse models that are quantised."""
        refuse(kinds["model"][0], "`prune`", "prune before quantising")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Prune, fine-tune, write."""
        import torch

        from edgesmith_stages.models.recipe import Recipe, build, save
        from edgesmith_stages.models.size import count_macs, count_params
        from edgesmith_stages.training.setting import repeatable

        source: TorchModel = inputs["model"]
        contract = source.contract
        data = training_data(ctx, contract, params)
        example = torch.zeros(1, contract.channels, *contract.size)
        module = build(source.path)
        figures: dict[str, Any] = {"params_before": count_params(module), "macs_before": count_macs(module, example)}
        with repeatable(params.threads):
            if data:
                figures["top1_before"] = score(module, data)
            step = self._prune(ctx, module, data, example, params)
            check_replays(build(source.path), module, step, example)
            figures |= {"params_after": count_params(module), "macs_after": count_macs(module, example)}
            if data:
                figures["top1_pruned"] = score(module, data)
        ctx.log.info(
            "pruned: %d -> %d params, %d -> %d MACs",
            *(figures[f"{what}_{when}"] for what in ("params", "macs") for when in ("before", "after")),
        )
        if data and params.finetune_epochs:
            figures |= finetune(ctx, module, source, data, params)
        elif data:
            figures["top1"] = figures["top1_pruned"]
        save(ctx.out("model"), module, Recipe.read(source.path).then(step), contract, source.golden()[0])
        return figures

    def _prune(
        self, ctx: Context, module: nn.Module, data: TrainingData | None, example: torch.Tensor, params: Any
    ) -> Step:
        from edgesmith_stages.pruning.channels import Plan, prune_channels
        from edgesmith_stages.pruning.importance import accumulate_gradients

        plan = Plan(params.ratio, params.importance, params.scope, params.round_to, params.keep, ctx.seed)
        if plan.importance == "taylor" and data:
            accumulate_gradients(module, islice(data.epoch(ctx.seed, 0), TAYLOR_BATCHES))
        step = prune_channels(module, example, plan)
        module.zero_grad(set_to_none=True)
        return step


def training_data(ctx: Context, contract: InputContract, params: Any) -> TrainingData | None:
    """Open the dataset; None where it has no labels and none are needed.

    Raises:
        UserError: labels are needed and missing, or the classes are not the model's.
    """
    from edgesmith_stages.training.data import TrainingData

    dataset: Dataset = ctx.dataset(params.data)
    classes = tuple(dataset.classes)
    if not classes:
        if params.finetune_epochs or params.importance == "taylor":
            raise UserError(
                f"the dataset {params.data.name!r} has no labels, which fine-tuning and `importance: taylor` need",
                hint="name a labelled dataset as `data`, or set `finetune_epochs: 0` and `importance: magnitude`",
            )
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


def check_replays(fresh: nn.Module, pruned: nn.Module, step: Step, example: torch.Tensor) -> None:
    """Raise StageFailed unless the history, replayed on the unpruned module, gives the pruned one's sizes."""
    from edgesmith_stages.models.resize import structure
    from edgesmith_stages.pruning.history import replay

    if structure(replay(fresh, step, example)) != structure(pruned):
        raise StageFailed("the pruning history doesn't replay to the same model: a defect of torch-pruning's or ours")


def finetune(ctx: Context, module: nn.Module, source: TorchModel, data: TrainingData, params: Any) -> dict[str, Any]:
    """Train the pruned module in place; return the figures of training."""
    from edgesmith_stages.models.recipe import build
    from edgesmith_stages.training.device import pick_device
    from edgesmith_stages.training.loop import fit
    from edgesmith_stages.training.losses import Loss, cross_entropy, soft_targets

    options = params.training
    loss: Loss = cross_entropy
    if params.distill:
        device = pick_device(options)
        unpruned = build(source.path).to(device.torch, memory_format=device.memory_format)
        loss = soft_targets(unpruned, params.temperature, params.alpha)
    return fit(ctx, module, loss, data, options).figures()
