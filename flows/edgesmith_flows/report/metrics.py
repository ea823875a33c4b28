"""What figures are called, how they are written, and which way is better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from edgesmith_flows.report.facts import Row
from edgesmith_flows.results import KNOWN_COLUMNS

Better = Literal["higher", "lower", ""]

ACCURACY = ("top1", "agreement", "sqnr_db")
"""Figures that can stand for a model's accuracy, the first that is there does."""

LATENCY = ("median_ms", "mean_ms", "min_ms")

_HIGHER = {"top1", "top5", "agreement", "sqnr_db", "throughput", "speedup"}
_LOWER = {"bytes", "rel_l2"}
_FORMS = {"bytes": ",", "top5": ".4f", "load_ms": ".1f"}


@dataclass(frozen=True)
class Metric:
    """A figure of models: its name, its heading, how it is written, and which way is better."""

    name: str
    heading: str
    form: str
    better: Better

    def of(self, row: Row) -> float | None:
        """Return a model's value, or None where it wasn't measured or is no number."""
        value = row.bytes if self.name == "bytes" else row.figures.get(self.name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return value if number else None

    def text(self, value: float | None) -> str:
        """Write a value."""
        if value is None:
            return "-"
        return format(value, self.form) if abs(value) < 1e15 else format(value, ".4g")


def metric(name: str) -> Metric:
    """Return the metric of that name; one that nobody knows is written with four digits and has no better side."""
    heading, form = KNOWN_COLUMNS.get(name, (name.replace("_", " "), _FORMS.get(name, ".4g")))
    better: Better = "higher" if name in _HIGHER else ""
    if name in _LOWER or name.endswith(("_ms", "_mb")):
        better = "lower"
    return Metric(name, heading, form, better)


def metrics_of(rows: Sequence[Row]) -> list[Metric]:
    """Return the metrics that at least one model has: size, the known ones in their order, then the others."""
    found = [name for row in rows for name in row.figures if metric(name).of(row) is not None]
    ordered = [name for name in KNOWN_COLUMNS if name in found]
    ordered += sorted(set(found) - set(ordered))
    sized = ["bytes"] if any(row.bytes is not None for row in rows) else []
    return [metric(name) for name in [*sized, *ordered]]


def first_with(names: Sequence[str], rows: Sequence[Row], least: int = 1) -> Metric | None:
    """Return the first of these metrics that at least `least` models have."""
    for name in names:
        if sum(metric(name).of(row) is not None for row in rows) >= least:
            return metric(name)
    return None


def best(one: Metric, rows: Sequence[Row]) -> float | None:
    """Return the best value of a metric, None where there is no choice."""
    values = [value for row in rows if (value := one.of(row)) is not None]
    if not one.better or len(set(values)) < 2:
        return None
    return max(values) if one.better == "higher" else min(values)


def front(points: Mapping[str, Sequence[float]]) -> set[str]:
    """Return the names of the points that no other beats: lower is better on every axis.

    Args:
        points: by name, one value an axis.
    """

    def beaten(one: Sequence[float], other: Sequence[float]) -> bool:
        pairs: list[tuple[Any, Any]] = list(zip(one, other, strict=True))
        return all(b <= a for a, b in pairs) and any(b < a for a, b in pairs)

    return {name for name, one in points.items() if not any(beaten(one, other) for other in points.values())}
