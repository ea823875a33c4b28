"""Channel counts are rounded to multiples, heads included."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from edgesmith_stages.pruning.rounding import kept_channels, weakest

widths = st.integers(1, 200)


@given(width=widths, share=st.floats(0, 1), heads=st.integers(1, 8), multiple=st.sampled_from([1, 4, 8, 32]))
def test_what_is_kept_is_a_multiple_or_everything(width: int, share: float, heads: int, multiple: int) -> None:
    kept = kept_channels(width, int(width * share), heads, multiple)
    assert 1 <= kept <= width
    assert kept == width or kept * heads % multiple == 0
    assert kept * 10 >= width


@given(width=widths, share=st.floats(0, 0.85))
def test_nothing_is_rounded_without_a_multiple(width: int, share: float) -> None:
    pruned = int(width * share)
    assert kept_channels(width, pruned, heads=1, multiple=1) == width - pruned


def test_heads_count_together() -> None:
    # Four heads of 16 channels, 30 % out: 11.2 of each, so 12 of each, which makes 48 in all.
    assert kept_channels(16, 5, heads=4, multiple=8) == 12


def test_every_head_loses_the_same_channels_by_their_mean_score() -> None:
    scores = torch.tensor([9.0, 1, 5, 2, 6, 5])
    assert weakest(scores, heads=2, kept_heads=2, kept=2) == [1, 4]
    assert weakest(scores, heads=1, kept_heads=1, kept=4) == [1, 3]


def test_the_weakest_heads_go_whole_before_the_channels_of_the_others() -> None:
    scores = torch.tensor([1.0, 1, 5, 2, 1, 6])
    assert weakest(scores, heads=3, kept_heads=2, kept=2) == [0, 1]
