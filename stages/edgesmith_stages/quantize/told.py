"""What `quantize` shows in a report: what stayed in float, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgesmith.sections import LONGEST_TEXT, MOST_ROWS, Table


def left_in_float(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a table of the operations that an assignment, or a conversion to halves, left as they were; or nothing.

    Args:
        figures: `kept` (by reason, how many of each type, or a text) and `kept_fp32` (by operation, the reason).
    """
    rows: list[tuple[str, int | None, str]] = []
    for why, kept in figures.get("kept", {}).items():
        counts = kept.items() if isinstance(kept, Mapping) else [(str(kept), None)]
        rows += [(str(op), count, why) for op, count in counts]
    rows += [(str(op), 1, str(why)) for op, why in figures.get("kept_fp32", {}).items()]
    if not rows:
        return []
    shown = tuple((op[:LONGEST_TEXT], count, why[:LONGEST_TEXT]) for op, count, why in rows[:MOST_ROWS])
    return [Table(title="left in float", columns=("operation", "count", "why"), rows=shown).document()]
