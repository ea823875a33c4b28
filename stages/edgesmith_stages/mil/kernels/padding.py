"""Spatial padding of convolutions and pools: `pad_type` and `pad`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgesmith import UserError
from edgesmith.errors import unknown
from edgesmith_stages.mil.call import Call
from edgesmith_stages.mil.room import padded_room

if TYPE_CHECKING:
    from torch import Tensor


def spatial_padding(
    call: Call, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[int]:
    """Elements to pad: [before, after] of the first spatial dimension, then of the next.

    `same` pads until there are ceil(size / stride) windows, the odd element after; `same_lower` puts it before.
    """
    pad_type = call.text("pad_type", "valid").lower()
    if pad_type == "custom":
        return call.ints("pad", [0, 0] * len(sizes))
    if pad_type == "valid":
        return [0, 0] * len(sizes)
    windows = [-(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
    extents = [(taps - 1) * dilation + 1 for taps, dilation in zip(kernel, dilations, strict=True)]
    totals = [
        max(0, (count - 1) * stride + extent - size)
        for count, stride, extent, size in zip(windows, strides, extents, sizes, strict=True)
    ]
    return split(totals, pad_type)


def split(totals: Sequence[int], pad_type: str) -> list[int]:
    """Each total as [before, after]: `same` has the odd element after, `same_lower` before."""
    if pad_type not in ("same", "same_lower"):
        raise UserError(unknown("pad_type", pad_type, ("custom", "same", "same_lower", "valid")))
    lower = [total // 2 if pad_type == "same" else total - total // 2 for total in totals]
    return [side for total, before in zip(totals, lower, strict=True) for side in (before, total - before)]


def padded(x: Tensor, amounts: Sequence[int], value: float = 0.0) -> Tensor:
    """`x` (n, c, *spatial) with `value` around it; amounts as `spatial_padding` gives them, negative ones crop."""
    from torch.nn.functional import pad

    padded_room(x, amounts)
    # torch wants the last dimension's pair first.
    pairs = [amounts[at : at + 2] for at in range(0, len(amounts), 2)]
    return pad(x, [side for pair in reversed(pairs) for side in pair], value=value) if any(amounts) else x
