"""The field of a plot with points, and places for their names."""

from __future__ import annotations

WIDTH = 400
LEFT, RIGHT, TOP, BOTTOM = 52, 388, 14, 238
"""Of the axes, in the view box."""
_LETTER, _LINE = 6.2, 13.0

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def place(name: str, x: float, y: float, radius: float, taken: list[Box]) -> tuple[float, float, str] | None:
    """Find a place and an anchor for a name beside its point, where it covers nothing; note it as taken.

    Args:
        radius: of the point.
        taken: what may not be covered.
    """
    width = len(name) * _LETTER
    gap = radius + 4
    places = [
        (x + gap, y + 4, "start"),
        (x - gap, y + 4, "end"),
        (x, y - gap, "middle"),
        (x, y + gap + 9, "middle"),
        (x + gap * 0.7, y - gap * 0.8, "start"),
        (x + gap * 0.7, y + gap * 0.8 + 8, "start"),
        (x - gap * 0.7, y - gap * 0.8, "end"),
        (x - gap * 0.7, y + gap * 0.8 + 8, "end"),
    ]
    for left, base, anchor in places:
        begin = left - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        box = (begin, base - _LINE + 3, begin + width, base + 3)
        inside = box[0] >= LEFT - 40 and box[2] <= WIDTH and box[1] >= 0 and box[3] <= BOTTOM + 4
        if inside and not any(_meet(box, other) for other in taken):
            taken.append(box)
            return round(left, 1), round(base, 1), anchor
    return None


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
