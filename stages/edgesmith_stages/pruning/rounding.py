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


def weakest(scores: torch.Tensor, kept: int, heads: int) -> Sequence[int]:
    """Return the indices to take out of a layer for each head to keep `kept` channels.

    Args:
        scores: one a channel, float [heads * width].
        kept: channels of one head to keep.
        heads: 1 where there are no heads; all heads lose the same channels, by the mean of their scores.
    """
    import torch

    width = len(scores) // heads
    order = torch.argsort(scores.view(heads, width).mean(dim=0), stable=True)[: width - kept].tolist()
    return sorted(head * width + index for head in range(heads) for index in order)
