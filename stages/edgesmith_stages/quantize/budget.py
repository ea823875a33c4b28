"""What a quantised model may cost, and which of those measured is taken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from edgesmith import UserError
from edgesmith_stages.quantize.assignment import Assignment

Prefer = Literal["latency", "bytes", "drop"]

EVEN = 0.02
"""Ratios of latency that are this close are one: what is smaller is then taken, and what is as fast as float is not."""

_LIMIT = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>x|ms|kB|MB)?")
_UNITS = {"kB": 1e3, "MB": 1e6}


@dataclass(frozen=True)
class Trial:
    """A candidate, measured.

    Attributes:
        label: what it is, in words.
        assignment: what was quantised.
        bytes: of the file.
        ms: CPU or wall time of a run, in milliseconds.
        float_ms: that of the float file, measured in turns with it.
        sqnr_db: on the golden images, against the float file.
        drop: top-1 lost, or without labels the share of answers that differ; None as long as nobody asked.
        images: how many images the drop was measured on.
    """

    label: str
    assignment: Assignment
    bytes: int
    ms: float
    float_ms: float
    sqnr_db: float
    drop: float | None = None
    images: int = 0

    @property
    def ratio(self) -> float:
        """Time over the float file's: under 1 is faster."""
        return self.ms / self.float_ms


@dataclass(frozen=True)
class Budget:
    """Limits of what is delivered.

    Attributes:
        max_drop: top-1 that may be lost, 0 to 1.
        max_ratio: time over the float file's.
        max_ms: milliseconds a run.
        max_bytes: of the file.
    """

    max_drop: float
    max_ratio: float = 1.0
    max_ms: float | None = None
    max_bytes: int | None = None

    @classmethod
    def of(cls, max_drop: float, max_latency: str | float | None, max_bytes: str | int | None, size: int) -> Budget:
        """Read what the user wrote: `0.6x` or `5 ms`; `0.3x`, `300 kB`, `2 MB` or a number of bytes.

        Args:
            max_drop: top-1 that may be lost.
            max_latency: nothing slower than the float file is ever taken.
            max_bytes: None for any.
            size: bytes of the float file.
        """
        number, unit = limit("max_latency", max_latency, ("x", "ms"), "x")
        space, kind = limit("max_bytes", max_bytes, ("x", "kB", "MB"), "")
        return cls(
            max_drop,
            max_ratio=min(1.0, number) if number is not None and unit == "x" else 1.0,
            max_ms=number if unit == "ms" else None,
            max_bytes=None if space is None else int(space * (size if kind == "x" else _UNITS.get(kind, 1))),
        )

    def missed(self, trial: Trial) -> str | None:
        """Say what a candidate misses, or return None. A drop that wasn't measured misses nothing."""
        if trial.ratio > 1 - EVEN:
            return f"not faster than float here ({trial.ratio:.2f}x its time)"
        if trial.ratio > self.max_ratio:
            return f"{trial.ratio:.2f}x the time of float, and at most {self.max_ratio:g}x is allowed"
        if self.max_ms is not None and trial.ms > self.max_ms:
            return f"{trial.ms:.3g} ms, and at most {self.max_ms:g} ms are allowed"
        return self.beyond(trial.bytes, trial.drop, trial.images)

    def beyond(self, size: int, drop: float | None, images: int) -> str | None:
        """Say whether bytes or drop are beyond what is allowed, whatever the latency, or return None."""
        if self.max_bytes is not None and size > self.max_bytes:
            return f"{size:,} bytes, and at most {self.max_bytes:,} are allowed"
        if drop is not None and drop > self.max_drop + 1e-9:
            return f"loses {drop:.4f} on {images} images, and at most {self.max_drop:g} is allowed"
        return None


def confirmed(ratios: Sequence[float]) -> float:
    """Return the ratio of latency that fresh pairs of processes agree on: their median, or the worst if that is slower.

    How fast a small file runs differs from process to process by more than many a candidate gains: one pair in which
    it is no faster than float is enough to doubt that it is.

    Args:
        ratios: a candidate's time over float's, of each pair.
    """
    worst = max(ratios)
    return worst if worst >= 1 else median(ratios)


def order(trials: Iterable[Trial], prefer: Prefer) -> list[Trial]:
    """Order candidates, the best one first; latencies within `EVEN` of one another are equal."""

    def latency(trial: Trial) -> int:
        return round(trial.ratio / EVEN)

    def lost(trial: Trial) -> float:
        return trial.drop if trial.drop is not None else 1.0

    keys = {
        "latency": lambda one: (latency(one), one.bytes, -one.sqnr_db),
        "bytes": lambda one: (one.bytes, latency(one), -one.sqnr_db),
        "drop": lambda one: (lost(one), -one.sqnr_db, latency(one), one.bytes),
    }
    return sorted(trials, key=keys[prefer])


def limit(name: str, given: str | float | None, units: tuple[str, ...], bare: str) -> tuple[float | None, str]:
    """Read a number with a unit; raise UserError for what is none.

    Args:
        name: of the param.
        given: what the user wrote.
        units: that fit.
        bare: the unit of a number without one.
    """
    if given is None:
        return None, ""
    found = _LIMIT.fullmatch(str(given).replace(" ", ""))
    if found is None or (found["unit"] or bare) not in (*units, bare):
        raise UserError(f"`{name}`: expected a number with one of {', '.join(units)}, got {given!r}")
    return float(found["number"]), found["unit"] or bare
