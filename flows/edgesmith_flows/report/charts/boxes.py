"""Distributions, one row each: every measurement, the middle half, the median."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgesmith.sections import Samples
from edgesmith_flows.report.charts.axis import Axis, axis

WIDTH, ROW, TOP, FOOT = 400, 34, 6, 40
_LEFT, _RIGHT = 10, 390
MOST_DRAWN = 150
"""Measurements of a row that are drawn; of more, evenly spaced ones by rank."""


@dataclass(frozen=True)
class Box:
    """A row: places of the quartiles, the 5th and 95th percentile and the measurements, and the figures as texts."""

    name: str
    y: float
    low: float
    first: float
    median: float
    third: float
    high: float
    ticks: list[float]
    told: str
    figures: list[str]


@dataclass(frozen=True)
class Boxes:
    """A chart of distributions."""

    title: str
    unit: str
    x: Axis
    rows: list[Box]
    height: int
    note: str = ""


HEADINGS = ("measured", "min", "median", "90 %", "99 %", "max")


def boxes(section: Samples, names: Sequence[str]) -> Boxes | None:
    """Draw samples; None if there are none.

    Args:
        names: one a sample.
    """
    pairs = [(name, sorted(one.values)) for name, one in zip(names, section.samples, strict=True) if one.values]
    if not pairs:
        return None
    everything = [value for _, values in pairs for value in (quantile(values, 0.0), quantile(values, 0.99))]
    x = axis(section.unit, everything, _LEFT, _RIGHT, may_log=True)
    rows = [_box(name, values, section.unit, x, TOP + ROW * index) for index, (name, values) in enumerate(pairs)]
    return Boxes(section.title, section.unit, x, rows, TOP + ROW * len(rows) + FOOT, section.note)


def _box(name: str, values: Sequence[float], unit: str, x: Axis, y: float) -> Box:
    low, first, median, third, high = (x.at(quantile(values, share)) for share in (0.05, 0.25, 0.5, 0.75, 0.95))
    every = -(-len(values) // MOST_DRAWN)
    figures = [f"{quantile(values, share):.4g}" for share in (0.0, 0.5, 0.9, 0.99, 1.0)]
    told = f"{name}: median {figures[1]} {unit}, 90 % {figures[2]}, 99 % {figures[3]}, {len(values)} measured"
    ticks = [x.at(value) for value in values[::every]]
    return Box(name, y, low, first, median, third, high, ticks, told, [str(len(values)), *figures])


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of sorted values, linear between neighbours."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
