"""Axes: from values to places in a view box, with ticks at round numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

LOG_FROM = 8.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic, where it may be."""


@dataclass(frozen=True)
class Tick:
    """A round value, its place in the view box, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """A scale from `low..high` to `start..end` in the view box; places are rounded to a tenth.

    Attributes:
        log: logarithmic.
        whole: ticks are whole numbers.
    """

    title: str
    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False

    def at(self, value: float) -> float:
        """Return the place of a value; what lies beyond the ends is drawn at the end."""
        low, high, value = (math.log10(one) if self.log else one for one in (self.low, self.high, self._inside(value)))
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)

    def _inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    @property
    def ticks(self) -> list[Tick]:
        """Round values along the axis, four to six of them."""
        values = _log_ticks(self.low, self.high) if self.log else _ticks(self.low, self.high)
        if self.whole:
            values = [value for value in values if value == round(value)]
        return [Tick(self.at(value), _text(value, values)) for value in values]


def axis(
    title: str, values: Sequence[float], start: float, end: float, *, may_log: bool = False, zero: bool = False
) -> Axis:
    """Return an axis that holds all values, with a little room at the ends.

    Args:
        may_log: logarithmic where the values are positive and far apart.
        zero: begin at zero.
    """
    low, high = min(values), max(values)
    if may_log and low > 0 and high / low >= LOG_FROM:
        room = (high / low) ** 0.06
        return Axis(title, low / room, high * room, start, end, log=True)
    room = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    return Axis(title, min(0.0, low) if zero else low - room, high + room, start, end)


def _ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten (Heckbert, "Nice numbers for graph labels", 1990)."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5)):
        found = [step * 10.0**power for power in powers for step in steps]
        inside = [value for value in found if low <= value <= high]
        if len(inside) >= 3:
            break
    most = max(1, math.ceil(len(inside) / 7))
    return inside[::most]


def _text(value: float, values: Sequence[float]) -> str:
    if value != 0 and (abs(value) >= 1e6 or abs(value) < 1e-4):
        for unit, name in ((1e9, "G"), (1e6, "M")):
            if abs(value) >= unit:
                return f"{value / unit:g}{name}"
        return f"{value:.3g}"
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    gaps = [b - a for a, b in itertools.pairwise(values)]
    digits = max(0, -math.floor(math.log10(min(gaps)) + 1e-9)) if gaps else 2
    text = f"{value:.{min(digits, 6)}f}"
    return f"{value:g}" if len(f"{value:g}") < len(text) else text
