"""A ratio becomes widths: a larger one never leaves more, and multiples, heads and ways are kept to."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgesmith_stages.pruning.widths import Attention, Group, Rule, Scope, Width, schedule


@st.composite
def group_lists(draw: st.DrawFn) -> list[Group]:
    """A few groups, one or two of them attention, with scores of all sizes."""
    sizes = draw(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 40), st.booleans()), min_size=1, max_size=5))
    seed = draw(st.integers(0, 99))
    generator = torch.Generator().manual_seed(seed)
    return [
        Group(f"layer{n}:out", Width(heads, dim), attention, torch.rand(heads * dim, generator=generator) * (n + 1))
        for n, (heads, dim, attention) in enumerate(sizes)
    ]


rules = st.builds(
    Rule,
    st.sampled_from(["layer", "global"]),
    st.sampled_from([1, 4, 8, 16]),
    st.sampled_from(["dims", "heads", "both"]),
)
ratios = st.floats(0, 1)


@given(groups=group_lists(), rule=rules, low=ratios, high=ratios)
def test_a_larger_ratio_never_leaves_more(groups: list[Group], rule: Rule, low: float, high: float) -> None:
    low, high = sorted((low, high))
    if rule.attention == "both" and rule.round_to > 1:
        return  # the multiple depends on the heads that stay
    more, less = rule.widths(groups, low), rule.widths(groups, high)
    for group in groups:
        a, b = more.get(group.name, group.width), less.get(group.name, group.width)
        assert b.heads * b.dim <= a.heads * a.dim <= group.width.heads * group.width.dim
        assert b.heads >= 1 <= b.dim


@given(groups=group_lists(), rule=rules, ratio=ratios)
def test_what_loses_something_is_a_multiple(groups: list[Group], rule: Rule, ratio: float) -> None:
    now = {group.name: group.width for group in groups}
    for name, (heads, dim) in rule.widths(groups, ratio).items():
        assert (heads, dim) != now[name]
        assert heads * dim % rule.round_to == 0 or dim == now[name].dim


@given(groups=group_lists(), rule=rules, ratio=ratios, steps=st.integers(1, 6))
def test_ways_only_go_down_and_end_there(groups: list[Group], rule: Rule, ratio: float, steps: int) -> None:
    final = rule.widths(groups, ratio)
    stops = schedule(groups, final, steps)
    assert (stops[-1] == final) if final else not stops
    assert len(stops) <= steps
    way = [{name: width for name, width in ((g.name, g.width) for g in groups) if name in final}, *stops]
    for before, after in pairwise(way):
        assert before != after
        assert all(after[name] <= before[name] and after[name].dim <= before[name].dim for name in final)


ATTENTION = Group("proj:in", Width(4, 16), True, torch.arange(64.0))


@pytest.mark.parametrize(
    ("attention", "width"), [("dims", Width(4, 8)), ("heads", Width(2, 16)), ("both", Width(3, 11))]
)
def test_attention_loses_channels_of_every_head_or_whole_heads_or_both(attention: Attention, width: Width) -> None:
    assert Rule(attention=attention).widths([ATTENTION], 0.5) == {"proj:in": width}


def test_whole_heads_are_rounded_with_their_channels() -> None:
    """Three heads of 12 channels are no multiple of 8; two are."""
    group = Group("proj:in", Width(4, 12), True, torch.rand(48))
    assert Rule(round_to=8, attention="heads").widths([group], 0.3) == {"proj:in": Width(2, 12)}


@pytest.mark.parametrize(("scope", "left"), [("layer", [5, 5]), ("global", [1, 10])])
def test_global_takes_from_the_layers_that_matter_less(scope: Scope, left: list[int]) -> None:
    groups = [
        Group("a:out", Width(1, 10), False, torch.linspace(0.1, 0.2, 10)),
        Group("b:out", Width(1, 10), False, torch.linspace(0.5, 0.9, 10)),
    ]
    found: Any = Rule(scope).widths(groups, 0.5)
    assert [found.get(group.name, group.width).dim for group in groups] == left


@pytest.mark.parametrize(("count", "ratio", "left"), [(80, 0.8, 16), (320, 0.8, 64), (160, 0.9, 16), (20, 0.9, 2)])
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_a_ratio_that_binary_fractions_miss_takes_no_channel_more(
    count: int, ratio: float, left: int, scope: Scope
) -> None:
    group = Group("layer:out", Width(1, count), False, torch.arange(count) / count)
    assert Rule(scope, 1, "dims").widths([group], ratio) == {"layer:out": Width(1, left)}
