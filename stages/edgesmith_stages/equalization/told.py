"""What `equalize` shows in a report: which layers share scales, what that did, and why others don't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgesmith.sections import LONGEST_TEXT, MOST_ROWS, Table

Row = tuple[str, str, float | None, float | None, str]
"""A layer, what it was made to fit, the spread of its ranges before and after, and a remark."""


def shown(rows: Sequence[Row], left: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a table of the layers that were scaled and of those that were left; nothing where there are none.

    Args:
        rows: what was scaled.
        left: by layer, why it wasn't.
    """
    every = [*rows, *((layer, "", None, None, f"left: {why}"[:LONGEST_TEXT]) for layer, why in left.items())]
    if not every:
        return []
    columns = ("layer", "into", "spread before", "after", "remark")
    note = "spread: weights, largest channel's range over the smallest one's; behind norms, over the median one's"
    return [Table(title="equalisation", note=note, columns=columns, rows=tuple(every[:MOST_ROWS])).document()]
