"""Take channels out of a module, and say how, so that it can be done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgesmith import UserError
from edgesmith_stages.models.steps import Prune
from edgesmith_stages.pruning.constraints import constraints
from edgesmith_stages.pruning.importance import Importance, Scores
from edgesmith_stages.pruning.trace import Trace
from edgesmith_stages.pruning.widths import Group, Rule, Widths

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Plan:
    """How to prune, but for how much.

    Attributes:
        importance: which channels go first.
        rule: how a ratio becomes widths.
        keep: names of parts to leave whole, with wildcards.
        seed: for `random`.
    """

    importance: Importance = "magnitude"
    rule: Rule = field(default_factory=Rule)
    keep: Sequence[str] = ()
    seed: int = 0

    def trace(self, module: nn.Module, example: torch.Tensor) -> Trace:
        """Trace a module; raise UserError where that fails."""
        return Trace(module, example, constraints(module, self.keep))

    def scored(self, trace: Trace) -> list[Group]:
        """Score a trace's groups; for `taylor` and `hessian` its module must hold gradients."""
        return trace.groups(Scores(self.importance, self.seed, {part: n for n, part in trace.module.named_modules()}))

    def widths(self, groups: Sequence[Group], ratio: float, name: str) -> Widths:
        """Return what a ratio leaves; raise UserError if that is everything.

        Args:
            groups: scored.
            ratio: share of channels to take out.
            name: of the network.
        """
        found = self.rule.widths(groups, ratio)
        if not found:
            raise UserError(
                f"no channel of {name} can be pruned by ratio={ratio:g}, round_to={self.rule.round_to}",
                hint="raise ratio, lower round_to, or keep fewer parts",
            )
        return found


def prune_channels(module: nn.Module, example: torch.Tensor, ratio: float, plan: Plan | None = None) -> Prune:
    """Prune a module once, in place.

    Args:
        module: on the CPU; for `taylor` and `hessian` with gradients in its parameters.
        example: an input of the network, float [1, C, H, W].
        ratio: share of channels to take out, in (0, 1).
        plan: how.

    Returns:
        The change, for the model's recipe.

    Raises:
        UserError: the module can't be traced, nothing can be pruned, or the pruned module doesn't run.
    """
    plan = plan or Plan()
    trace = plan.trace(module, example)
    groups = plan.scored(trace)
    return trace.cut(groups, plan.widths(groups, ratio, type(module).__name__))
