"""What a stage tried, as points."""

from __future__ import annotations

from dataclasses import dataclass

from edgesmith.sections import Points
from edgesmith_flows.report.charts.axis import Axis, axis
from edgesmith_flows.report.charts.labels import BOTTOM, LEFT, RIGHT, TOP, Box, place

RADIUS = 5


@dataclass(frozen=True)
class Dot:
    """A point; `label` is the place and the anchor of its name, None where it would cover others."""

    name: str
    x: float
    y: float
    marked: bool
    told: str
    label: tuple[float, float, str] | None


@dataclass(frozen=True)
class Plot:
    """A plot of points."""

    title: str
    x: Axis
    y: Axis
    dots: list[Dot]
    note: str


def plot(section: Points, title: str) -> Plot | None:
    """Draw points, marked ones on top and with their names; None if there are none."""
    if not section.points:
        return None
    across = axis(section.x, [one.x for one in section.points], LEFT, RIGHT, may_log=True)
    up = axis(section.y, [one.y for one in section.points], BOTTOM, TOP)
    places = [(across.at(one.x), up.at(one.y)) for one in section.points]
    taken: list[Box] = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in places]
    dots = []
    for one, (x, y) in zip(section.points, places, strict=True):
        told = f"{one.name}: {section.y} {one.y:.4g}, {section.x} {one.x:.4g}{'; ' if one.note else ''}{one.note}"
        label = place(one.name, x, y, RADIUS, taken) if one.marked else None
        dots.append(Dot(one.name, x, y, one.marked, told, label))
    return Plot(title, across, up, sorted(dots, key=lambda dot: dot.marked), section.note)
