"""Quantities over steps or layers, as lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgesmith.sections import Subject
from edgesmith_flows.report.charts.axis import Axis, axis
from edgesmith_flows.report.facts import Contribution

WIDTH, HEIGHT = 400, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 390, 12, 200
MOST_DRAWN = 400
"""Points of a line that are drawn; of more, evenly spaced ones."""


@dataclass(frozen=True)
class Dot:
    """A value of a line: its place, and what it says."""

    x: float
    y: float
    told: str


@dataclass(frozen=True)
class Line:
    """One line: its name, the index of its colour, runs of neighbouring dots, and its last value as a text."""

    name: str
    colour: int
    runs: list[list[Dot]]
    last: str

    @property
    def dots(self) -> list[Dot]:
        """All dots."""
        return [dot for run in self.runs for dot in run]


@dataclass(frozen=True)
class Lines:
    """A chart of lines; `bar` is the place of a level to reach."""

    title: str
    x: Axis
    y: Axis
    lines: list[Line]
    bar: float | None = None
    note: str = ""


Series = Mapping[str, Sequence[tuple[float, float | None, str]]]
"""By name, values: where, how much (None: a gap), and what the place is called."""


def lines(title: str, x: str, unit: str, series: Series, bar: float | None = None, note: str = "") -> Lines | None:
    """Draw series; None if they have no value."""
    values = [value for points in series.values() for _, value, _ in points if value is not None]
    places = [place for points in series.values() for place, _, _ in points]
    if not values:
        return None
    across = _steps(x, places)
    up = axis(unit, [*values, *([bar] if bar is not None else [])], _BOTTOM, _TOP)
    drawn = [
        Line(name, index, _runs(name, points, across, up), f"{_last(points):.4g}")
        for index, (name, points) in enumerate(series.items())
    ]
    return Lines(title, across, up, drawn, None if bar is None else up.at(bar), note)


def training(
    contributions: Sequence[Contribution],
    named: Callable[[Contribution, Subject | None], str] = lambda one, subject: one.node.name,
) -> list[Lines]:
    """Draw curves: one chart for each name, with a line for each node that gave one.

    Args:
        named: says what a curve is of.
    """
    grouped: dict[tuple[str, str], dict[str, list[tuple[float, float | None, str]]]] = {}
    for one in contributions:
        section = one.section
        if section.shape != "curves":
            continue
        for name, values in section.curves.items():
            at = section.at or tuple(float(step) for step in range(1, len(values) + 1))
            points: list[tuple[float, float | None, str]] = [
                (place, value, f"{section.x} {place:g}") for place, value in zip(at, values, strict=False)
            ]
            charts = grouped.setdefault((section.x, name), {})
            charts[_free(named(one, section.of), charts)] = points
    made = [lines(name, x, name, series) for (x, name), series in grouped.items()]
    return [chart for chart in made if chart is not None]


def layers(contributions: Sequence[Contribution]) -> list[Lines]:
    """Draw a figure per layer: one chart for each section."""
    made = []
    for one in contributions:
        section = one.section
        if section.shape == "layers":
            series = {
                name: [(i + 1.0, v, layer) for i, (layer, v) in enumerate(zip(section.layers, values, strict=True))]
                for name, values in section.values.items()
            }
            title = f"{one.node.name}: {section.title}"
            made.append(lines(title, "layer", section.unit, series, section.bar, section.note))
    return [chart for chart in made if chart is not None]


def _free(name: str, taken: Mapping[str, object]) -> str:
    """A node may give several curves of one name."""
    if name not in taken:
        return name
    return next(f"{name} ({i})" for i in range(2, len(taken) + 3) if f"{name} ({i})" not in taken)


def _steps(title: str, places: Sequence[float]) -> Axis:
    low, high = min(places), max(places)
    if high == low:
        low, high = low - 1, high + 1
    return Axis(title, low, high, _LEFT + 6, _RIGHT - 6, whole=all(place == round(place) for place in places))


def _runs(name: str, points: Sequence[tuple[float, float | None, str]], x: Axis, y: Axis) -> list[list[Dot]]:
    every = -(-len(points) // MOST_DRAWN)
    runs: list[list[Dot]] = [[]]
    for place, value, called in [*points[:-1:every], *points[-1:]]:
        if value is None:
            runs.append([])
        else:
            runs[-1].append(Dot(x.at(place), y.at(value), f"{name}, {called}: {value:.4g}"))
    return [run for run in runs if run]


def _last(points: Sequence[tuple[float, float | None, str]]) -> float:
    return next((value for _, value, _ in reversed(points) if value is not None), 0.0)
