"""Round channel counts to what the hardware likes."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def kept_channels(width: int, pruned: int, heads: int, multiple: int) -> int:
    """Return how many channels of each head to keep, so that all heads together are a multiple.

    The nearest multiple is taken, at least a tenth of the width and at most all of it. torch-pruning's own
    `_round_to` takes one head for the whole layer, and so removes far too much.

    Args:
        width: channels of one head now.
        pruned: channels of one head to take out, before rounding.
        heads: 1 where there are no heads.
        multiple: of the whole layer's channels.
    """
    step = multiple // gcd(multiple, heads)
    nearest = round((width - pruned) / step) * step
    least = ceil(width / 10 / step) * step
    return min(max(nearest, least), width)


def weakest(scores: torch.Tensor, heads: int, kept_heads: int, kept: int) -> Sequence[int]:
    """Return the indices to take out of a layer for `kept_heads` heads of `kept` channels each to stay.

    The heads with the least sum of scores go whole; the others all lose the same channels, by their mean score.

    Args:
        scores: one a channel, float [heads * width].
        heads: 1 where there are no heads.
        kept_heads: heads to keep.
        kept: channels of each of them to keep.
    """
    import torch

    width = len(scores) // heads
    table = scores.view(heads, width)
    gone = set(torch.argsort(table.sum(dim=1), stable=True)[: heads - kept_heads].tolist())
    stay = [head for head in range(heads) if head not in gone]
    order = torch.argsort(table[stay].mean(dim=0), stable=True)[: width - kept].tolist()
    return sorted(head * width + index for head in range(heads) for index in (range(width) if head in gone else order))
