"""Where resizing ops sample an image, and the values there.

Coordinates are float64 pixel positions: 0 is the centre of the first pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesmith import UserError
from edgesmith.errors import unknown

if TYPE_CHECKING:
    from torch import Tensor

SAMPLING_MODES = ("DEFAULT", "STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "OFFSET_CORNERS", "UNALIGN_CORNERS")
PADDING_MODES = ("constant", "border", "reflection", "symmetric")


def grid(first: Tensor, last: Tensor, count: int, mode: str) -> Tensor:
    """`count` coordinates from the pixels `first` to `last`, which may run backwards; none is outside of them.

    Args:
        first, last: float64, of one shape; a whole axis is 0 to size - 1.
        mode: one of `SAMPLING_MODES`. With i = 0 to count - 1, and a size of |last - first| + 1:
            STRICT_ALIGN_CORNERS: i * (size - 1) / (count - 1), the ends on the ends.
            ALIGN_CORNERS: the same; the middle where count is 1.
            DEFAULT: i * size / count.
            OFFSET_CORNERS: (i + 0.5) * max(1, size - 1) / count.
            UNALIGN_CORNERS: (i + 0.5) * size / count - 0.5, half-pixel centres.

    Returns:
        float64, (*first.shape, count).
    """
    import torch

    first, last = first[..., None], last[..., None]
    span = (last - first).abs()
    at = torch.arange(count, dtype=torch.float64)
    if mode == "ALIGN_CORNERS" and count == 1:
        steps = span / 2
    elif mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        steps = at * span / max(1, count - 1)
    elif mode == "DEFAULT":
        steps = at * (span + 1) / count
    elif mode == "OFFSET_CORNERS":
        steps = (2 * at + 1) * span.clamp(min=1) / (2 * count)
    elif mode == "UNALIGN_CORNERS":
        steps = (2 * at + 1) * (span + 1) / (2 * count) - 0.5
    else:
        raise UserError(unknown("sampling_mode", mode, SAMPLING_MODES))
    points = first + torch.where(last < first, -1, 1) * steps
    return torch.clamp(points, torch.minimum(first, last), torch.maximum(first, last))


def axis_grid(size: int, count: int, mode: str) -> Tensor:
    """`grid` over an axis of `size` pixels: (count,)."""
    import torch

    ends = torch.tensor([0, size - 1], dtype=torch.float64)
    return grid(ends[0], ends[1], count, mode)


def interpolated(x: Tensor, at: Tensor, axis: int) -> Tensor:
    """Linear interpolation along one axis (counted from the end), at coordinates (count,) within it."""
    low = at.floor().long()
    high = (low + 1).clamp(max=x.shape[axis] - 1)
    weight = (at - low).to(x.dtype).reshape(-1, *[1] * (-axis - 1))
    return x.index_select(axis, low) * (1 - weight) + x.index_select(axis, high) * weight


def sampled(x: Tensor, rows: Tensor, columns: Tensor, *, nearest: bool, padding: str, value: float) -> Tensor:
    """The values of images x (b, c, h, w) at coordinates (b, h', w') anywhere: (b, c, h', w').

    Args:
        nearest: the nearest pixel, of a tie the even one, instead of bilinear interpolation.
        padding: one of `PADDING_MODES`: how the image goes on outside.
        value: of the pixels outside, for constant.
    """
    rows, columns = _folded(rows, x.shape[-2], padding), _folded(columns, x.shape[-1], padding)
    if nearest:
        return _pixels(x, rows.round(), columns.round(), value)
    top, left = rows.floor(), columns.floor()
    down, right = ((whole - part)[:, None].to(x.dtype) for whole, part in ((rows, top), (columns, left)))
    upper, lower = (
        _pixels(x, row, left, value) * (1 - right) + _pixels(x, row, left + 1, value) * right for row in (top, top + 1)
    )
    return upper * (1 - down) + lower * down


def _folded(at: Tensor, size: int, padding: str) -> Tensor:
    """Coordinates along an axis folded into the image; for constant as they are."""
    import torch

    if padding == "constant":
        return at
    if padding == "reflection":
        period = max(1, 2 * (size - 1))
        at = torch.minimum(at % period, -at % period)
    elif padding == "symmetric":
        at = torch.minimum((at + 0.5) % (2 * size), (-0.5 - at) % (2 * size)) - 0.5
    elif padding != "border":
        raise UserError(unknown("padding_mode", padding, PADDING_MODES))
    return at.clamp(0, size - 1)


def _pixels(x: Tensor, rows: Tensor, columns: Tensor, value: float) -> Tensor:
    """The pixels of x at whole coordinates (b, h', w'), and `value` outside."""
    batch, channels, height, width = x.shape
    flat = rows.clamp(0, height - 1).long() * width + columns.clamp(0, width - 1).long()
    found = x.flatten(2).gather(2, flat.reshape(batch, 1, -1).expand(-1, channels, -1))
    outside = (rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)
    return found.reshape(batch, channels, *rows.shape[1:]).masked_fill(outside[:, None], value)
