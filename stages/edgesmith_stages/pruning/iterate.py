"""Prune a little, fine-tune a little, again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith import Context, StageFailed
from edgesmith_stages.pruning.importance import LEARNED
from edgesmith_stages.pruning.widths import Widths

if TYPE_CHECKING:
    import torch
    from torch import nn

    from edgesmith_stages.models.recipe import Recipe
    from edgesmith_stages.models.steps import Prune
    from edgesmith_stages.pruning.channels import Plan
    from edgesmith_stages.pruning.trace import Trace
    from edgesmith_stages.pruning.widths import Group
    from edgesmith_stages.training.data import TrainingData

BATCHES = 16
"""Training batches that `importance: taylor` takes its gradients from."""
IMAGES_SQUARED = 128
"""Training images that `hessian` takes those of, one by one."""

Tuner = Callable[["nn.Module"], None]
Look = tuple["Trace", list["Group"]]


@dataclass(frozen=True)
class Way:
    """How one module is pruned.

    Attributes:
        ctx: of the stage.
        example: an input of the network, float [1, C, H, W].
        plan: which channels go.
        data: to take gradients from, where the importance needs them.
    """

    ctx: Context
    example: torch.Tensor
    plan: Plan
    data: TrainingData | None

    def cut(self, module: nn.Module, widths: Widths, look: Look | None = None) -> Prune:
        """Prune a module in place to widths; check that the change replays.

        Args:
            module: with the weights that decide which channels go.
            widths: by group, what to leave.
            look: at this module as it is, if there was one.
        """
        fresh = copy.deepcopy(module)
        trace, groups = look or self.look(module)
        step = trace.cut(groups, widths)
        module.zero_grad(set_to_none=True)
        check_replays(fresh, module, step, self.example)
        return step

    def go(
        self, module: nn.Module, recipe: Recipe, stops: Sequence[Widths], tune: Tuner, look: Look
    ) -> tuple[nn.Module, Recipe, list[dict[str, Any]]]:
        """Prune to each stop, and tune after all but the last; what a killed run had done is found in scratch.

        Args:
            module: pruned in place, or given up for one of scratch.
            recipe: the module's.
            stops: widths, ever smaller.
            tune: trains a module in place.
            look: at the module.

        Returns:
            The module, its recipe, and figures of each stop but the last.
        """
        from edgesmith_stages.models.recipe import Recipe, build, write_model
        from edgesmith_stages.models.size import count_macs, count_params

        rows: list[dict[str, Any]] = []
        first: Look | None = look
        for number, widths in enumerate(stops, 1):
            kept = self.ctx.scratch / f"step-{number}"
            if kept.is_dir():
                module, recipe = build(kept), Recipe.read(kept)
                self.ctx.log.info("step %d of %d was done before", number, len(stops))
            else:
                recipe = recipe.then(self.cut(module, widths, first))
                if number == len(stops):
                    break
                tune(module)
                making = self.ctx.scratch / f"making-step-{number}"
                making.mkdir(exist_ok=True)
                write_model(making, module, recipe)
                making.rename(kept)
            first = None
            rows.append({"params": count_params(module), "macs": count_macs(module, self.example)})
            self.ctx.log.info(
                "step %d of %d: %d params, %d MACs", number, len(stops), rows[-1]["params"], rows[-1]["macs"]
            )
        return module, recipe, rows

    def look(self, module: nn.Module) -> Look:
        """Trace a module and score its groups; for `taylor` and `hessian` its parameters then hold gradients."""
        from itertools import islice

        from edgesmith_stages.pruning.importance import accumulate_gradients

        if self.plan.importance in LEARNED and self.data is not None:
            squared = self.plan.importance == "hessian"
            batches: Any = self.data.epoch(self.ctx.seed, 0)
            if squared:
                batches = (
                    one for images, targets in batches for one in zip(images.split(1), targets.split(1), strict=True)
                )
            accumulate_gradients(module, islice(batches, IMAGES_SQUARED if squared else BATCHES), squared=squared)
        trace = self.plan.trace(module, self.example)
        return trace, self.plan.scored(trace)


def check_replays(fresh: nn.Module, pruned: nn.Module, step: Prune, example: torch.Tensor) -> None:
    """Raise StageFailed unless the history, replayed on the unpruned module, gives the pruned one's sizes."""
    from edgesmith_stages.models.resize import structure
    from edgesmith_stages.pruning.history import replay

    if structure(replay(fresh, step, example)) != structure(pruned):
        raise StageFailed("the pruning history doesn't replay to the same model: a defect of torch-pruning's or ours")
