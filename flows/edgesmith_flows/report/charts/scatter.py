"""Models as points: cost along, accuracy up, area by size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgesmith_flows.report.charts.axis import Axis, axis
from edgesmith_flows.report.charts.labels import BOTTOM, LEFT, RIGHT, TOP, Box, place
from edgesmith_flows.report.facts import Row
from edgesmith_flows.report.metrics import ACCURACY, LATENCY, Metric, first_with, front, metric


@dataclass(frozen=True)
class Point:
    """A model in the plot.

    Attributes:
        index: of its row.
        colour: index of its format's colour.
        best: no other model is at least as good in everything and better in something.
        label: place and anchor of its name, None where it would cover others.
    """

    index: int
    name: str
    x: float
    y: float
    radius: float
    colour: int
    best: bool
    told: str
    label: tuple[float, float, str] | None


@dataclass(frozen=True)
class Scatter:
    """A plot of models."""

    title: str
    x: Axis
    y: Axis
    points: list[Point]
    left_out: list[str]


def scatters(rows: Sequence[Row], colours: Mapping[str, int]) -> list[Scatter]:
    """Return accuracy by latency and accuracy by size, as far as they were measured for two models or more.

    Args:
        rows: the models.
        colours: by format, the index of its colour.
    """
    accuracy = first_with(ACCURACY, rows, 2)
    if accuracy is None:
        return []
    latency, size = first_with(LATENCY, rows, 2), metric("bytes")
    costs = [one for one in (latency, size) if one is not None]
    plots = [_scatter(rows, colours, cost, accuracy, costs) for cost in costs]
    return [plot for plot in plots if len(plot.points) > 1]


def _scatter(
    rows: Sequence[Row], colours: Mapping[str, int], cost: Metric, accuracy: Metric, costs: Sequence[Metric]
) -> Scatter:
    shown = [
        (index, row, x, y)
        for index, row in enumerate(rows)
        if (x := cost.of(row)) is not None and (y := accuracy.of(row)) is not None
    ]
    left_out = [row.node for row in rows if row.node not in {one.node for _, one, _, _ in shown}]
    if len(shown) < 2:
        return Scatter("", Axis("", 0, 1, 0, 1), Axis("", 0, 1, 0, 1), [], left_out)
    across = axis(cost.heading, [x for *_, x, _ in shown], LEFT, RIGHT, may_log=True)
    up = axis(accuracy.heading, [y for *_, y in shown], BOTTOM, TOP)
    everything = [accuracy, *costs]
    whole = [row for row in rows if all(one.of(row) is not None for one in everything)]
    sides = {row.node: [_cost(one, row) for one in everything] for row in whole}
    winners = front(sides)
    largest = max((row.bytes or 0 for row in rows), default=0) or 1
    points: list[Point] = []
    taken: list[Box] = []
    spots = []
    for index, row, x, y in shown:
        radius = round(5 + 9 * math.sqrt((row.bytes or 0) / largest), 1)
        spots.append((index, row, across.at(x), up.at(y), radius))
        taken.append((across.at(x) - radius, up.at(y) - radius, across.at(x) + radius, up.at(y) + radius))
    # The best get their names first.
    for index, row, x, y, radius in sorted(spots, key=lambda spot: (spot[1].node not in winners, spot[0])):
        told = ", ".join(f"{one.heading} {one.text(one.of(row))}" for one in everything)
        label = place(row.node, x, y, radius, taken)
        colour = colours.get(row.format, 0)
        points.append(Point(index, row.node, x, y, radius, colour, row.node in winners, told, label))
    title = f"{accuracy.heading} by {cost.heading}"
    return Scatter(title, across, up, sorted(points, key=lambda one: (-one.radius, one.index)), left_out)


def _cost(one: Metric, row: Row) -> float:
    value = one.of(row) or 0.0
    return -value if one.better == "higher" else value
