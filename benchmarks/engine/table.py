"""The table that a benchmark prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.engine.timing import Series

HEADINGS = ("measure", "edgesmith", "peer", "the peer's", "ratio", "CPU ratio", "goal", "met")


@dataclass(frozen=True)
class Row:
    """One line: a measure against one peer, or against a figure.

    Attributes:
        ratio: edgesmith's figure over the peer's; None where there is nothing to divide by.
        cpu_ratio: the same of CPU time, which other programs on the machine disturb less.
        met: whether the goal is met; None for a line that has none.
    """

    measure: str
    edgesmith: str
    peer: str = "-"
    theirs: str = "-"
    ratio: float | None = None
    cpu_ratio: float | None = None
    goal: str = "-"
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the line's texts, fitting `HEADINGS`."""
        ratios = ("-" if one is None else f"{one:.2f}" for one in (self.ratio, self.cpu_ratio))
        met = "-" if self.met is None else "yes" if self.met else "NO"
        return (self.measure, self.edgesmith, self.peer, self.theirs, *ratios, self.goal, met)


def absolute(measure: str, ours: Series, seconds: float | None = None) -> Row:
    """Return a line without a peer; `seconds` is the goal."""
    if seconds is None:
        return Row(measure, str(ours))
    return Row(measure, str(ours), goal=f"<= {seconds:g} s", met=ours.best <= seconds)


def relative(measure: str, ours: Series, peer: str, theirs: Series | str, most: float | None = None) -> Row:
    """Return a line against a peer.

    Args:
        theirs: the peer's times, or why there are none.
        most: the goal: the largest ratio of wall times.
    """
    goal = "-" if most is None else f"<= {most:.2f}"
    if isinstance(theirs, str):
        return Row(measure, str(ours), peer, theirs, goal=goal)
    ratio, cpu = ours.best / theirs.best, ours.cpu / theirs.cpu
    return Row(measure, str(ours), peer, str(theirs), ratio, cpu, goal, None if most is None else ratio <= most)


def render(rows: Iterable[Row]) -> str:
    """Return a Markdown table whose source is aligned too."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
