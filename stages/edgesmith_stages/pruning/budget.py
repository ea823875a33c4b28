"""Find how much to prune for what is left to cost no more than a budget."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith_stages.pruning.widths import Group, Rule, Widths

if TYPE_CHECKING:
    import torch
    from torch import nn

    from edgesmith_stages.pruning.channels import Plan

CLOSE = 0.01
"""How near to the budget what can be counted gets."""


@dataclass(frozen=True)
class Candidate:
    """Widths that were tried.

    Attributes:
        ratio: that they come from.
        widths: by group, what is left.
        cost: what is left of the dense model's, as a share of it.
    """

    ratio: float
    widths: Widths
    cost: float

    def row(self, what: str) -> dict[str, float]:
        """As a line of the figures."""
        return {"ratio": round(self.ratio, 4), what: round(self.cost, 4)}


@dataclass(frozen=True)
class Found:
    """The outcome of a search.

    Attributes:
        best: that within the budget which leaves most; None if nothing is.
        tried: all candidates, in order; the first one leaves as little as can be.
    """

    best: Candidate | None
    tried: tuple[Candidate, ...]


def search(
    groups: Sequence[Group],
    rule: Rule,
    cost: Callable[[float, Widths], float],
    limit: float,
    rounds: int = 12,
    close: float = CLOSE,
) -> Found:
    """Bisect over the ratio.

    Args:
        groups: scored.
        rule: how a ratio becomes widths.
        cost: of a ratio's widths, as a share of the dense model's. It is asked once for equal widths.
        limit: the largest cost to allow, under 1.
        rounds: halvings of the interval at most.
        close: a cost this near to the limit, as a share of it, ends the search.
    """
    tried: dict[tuple[Any, ...], Candidate] = {}

    def candidate(ratio: float) -> Candidate:
        widths = rule.widths(groups, ratio)
        key = tuple(sorted(widths.items()))
        if key not in tried:
            tried[key] = Candidate(ratio, widths, cost(ratio, widths) if widths else 1.0)
        return tried[key]

    low, high, best = 0.0, 1.0, candidate(1.0)
    if best.cost > limit:
        return Found(None, tuple(tried.values()))
    for _ in range(rounds):
        if best.cost >= limit * (1 - close):
            break
        middle = (low + high) / 2
        found = candidate(middle)
        if found.cost > limit:
            low = middle
            continue
        high = middle
        best = max(best, found, key=lambda one: one.cost)
    return Found(best, tuple(tried.values()))


def sized(
    module: nn.Module, example: torch.Tensor, plan: Plan, groups: Sequence[Group], count: Callable[[nn.Module], int]
) -> Callable[[float, Widths], float]:
    """Return a cost that is counted on a pruned copy.

    Args:
        module: the dense one.
        example: an input of the network, float [1, C, H, W].
        plan: how to prune.
        groups: of the module, scored.
        count: parameters, or multiply-accumulates, of a module.
    """
    dense = count(module)

    def cost(_ratio: float, widths: Widths) -> float:
        pruned = copy.deepcopy(module)
        plan.trace(pruned, example).cut(groups, widths)
        return count(pruned) / dense

    return cost
