"""The search finds what leaves most within a budget."""

from __future__ import annotations

import pytest
import torch

from edgesmith_stages.pruning.budget import search
from edgesmith_stages.pruning.widths import Group, Rule, Width, Widths

GROUPS = [Group(f"layer{n}:out", Width(1, 64), False, torch.rand(64)) for n in range(3)]


def share(_ratio: float, widths: Widths) -> float:
    """As MACs do: by the square of the width."""
    return sum(width.dim**2 for width in widths.values()) / (len(GROUPS) * 64**2)


@pytest.mark.parametrize("limit", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("round_to", [1, 8])
def test_the_budget_is_used_up_as_far_as_rounding_allows(limit: float, round_to: int) -> None:
    best = search(GROUPS, Rule(round_to=round_to), share, limit).best
    assert best is not None
    assert best.cost <= limit
    next_width = next(iter(best.widths.values())).dim + round_to
    assert best.cost >= limit * 0.99 or (next_width / 64) ** 2 > limit


def test_equal_widths_are_asked_for_once() -> None:
    asked: list[tuple[Width, ...]] = []

    def cost(ratio: float, widths: Widths) -> float:
        asked.append(tuple(widths.values()))
        return share(ratio, widths)

    found = search(GROUPS, Rule(round_to=32), cost, 0.4)
    assert len(asked) == len(set(asked)) <= 2
    assert found.best is not None and found.best.cost == 0.25


def test_a_budget_out_of_reach_tells_the_least() -> None:
    found = search(GROUPS, Rule(round_to=16), share, 0.01)
    assert found.best is None
    assert [one.cost for one in found.tried] == [1 / 16]
