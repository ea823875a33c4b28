"""Which run changed a figure, and what had changed in it."""

from __future__ import annotations

from dataclasses import dataclass

from edgesmith.errors import UserError
from edgesmith_flows.figures.changes import Cause, causes, upstream
from edgesmith_flows.figures.metric import Metric, Value
from edgesmith_flows.figures.table import FigureTable, Point


@dataclass(frozen=True)
class Culprit:
    """The last change of a figure.

    Attributes:
        before, after: the run before it, and the first one with it; no run lies between them.
        causes: what had changed in the keys of the nodes that the figure depends on; empty if nothing had.
        steps: how often the figure changed over the runs looked at.
    """

    metric: Metric
    before: Point
    after: Point
    causes: tuple[Cause, ...]
    steps: int


def bisect(
    table: FigureTable,
    metric: Metric,
    *,
    pipeline: str | None = None,
    good: str | None = None,
    bad: str | None = None,
    at_least: float = 0.0,
) -> Culprit:
    """Find the newest change of a figure.

    Args:
        good, bad: names of runs to look between (their starts are enough): the last change between them is found.
        at_least: smaller changes, as a share of the value before, are no changes.

    Raises:
        UserError: the figure is the same in all those runs, fewer than two have it, or `good` comes after `bad`.
    """
    points = table.points(metric, pipeline)
    homes = {point.pipeline for point in points}
    if len(homes) > 1:
        raise UserError(
            f"{metric} is a figure of several pipelines: {', '.join(sorted(homes))}", hint="give --pipeline"
        )
    first = _place(points, good) if good else 0
    last = _place(points, bad) if bad else len(points) - 1
    if first > last:
        raise UserError(f"--good ({points[first].run}) comes after --bad ({points[last].run})", hint="swap the two")
    points = points[first : last + 1]
    if len(points) < 2:
        raise UserError(f"{len(points)} run has {metric}; expected two or more" if points else f"no run has {metric}")
    changed = [i for i in range(1, len(points)) if differs(points[i - 1].value, points[i].value, at_least)]
    if not changed:
        raise UserError(
            f"{metric} is {points[-1].value} in all {len(points)} runs"
            + (f" (within {at_least:.0%})" if at_least else ""),
            hint=f"`edgesmith history '{metric}'` shows them",
        )
    before, after = points[changed[-1] - 1], points[changed[-1]]
    runs = table.run(before.run), table.run(after.run)
    nodes = upstream(table, runs[0], metric.node) | upstream(table, runs[1], metric.node)
    if metric.of:  # of what the node measured, the other models are none of it
        own = upstream(table, runs[0], metric.of) | upstream(table, runs[1], metric.of) | {metric.node}
        nodes &= own
    return Culprit(metric, before, after, tuple(causes(table, *runs, nodes)), len(changed))


def differs(before: Value | None, after: Value | None, at_least: float = 0.0) -> bool:
    """Tell whether two values are further apart than `at_least`, a share of the first."""
    if isinstance(before, float) and isinstance(after, float):
        return before != after and abs(after - before) >= at_least * abs(before)
    return before != after


def _place(points: list[Point], name: str) -> int:
    for index, point in enumerate(points):
        if point.run.startswith(name):
            return index
    known = ", ".join(point.run for point in points[-5:])
    raise UserError(f"no run with this figure is called {name!r} (the newest: {known})")
