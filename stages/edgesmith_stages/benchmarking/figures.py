"""What was measured, as figures of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgesmith import Timing

if TYPE_CHECKING:
    from edgesmith import Session


def told(session: Session) -> dict[str, Any]:
    """Return what a session tells of itself: `load_ms`, and the rest as `facts`."""
    facts = dict(session.facts)
    load = facts.pop("load_ms", None)
    return {**({} if load is None else {"load_ms": round(load, 3)}), **({"facts": facts} if facts else {})}


def peak(session: Session) -> dict[str, float]:
    """Return `peak_mb`, where it is told."""
    size = session.peak_bytes()
    return {} if size is None else {"peak_mb": round(size / 2**20, 1)}


def latency(nanoseconds: Sequence[int] | Timing, batch: int) -> dict[str, float]:
    """Return min, median, p90 and p99 in milliseconds, and images per second at the median.

    Of runs that a device's tool sums up: min, mean, max, standard deviation, the percentiles that it tells, and images
    per second at the median, or at the mean where it tells none.
    """
    import numpy as np

    if isinstance(nanoseconds, Timing):
        return _summed_up(nanoseconds, batch)
    taken = np.asarray(nanoseconds, dtype=np.float64) / 1e6
    median = float(np.median(taken))
    return {
        "min_ms": round(float(taken.min()), 4),
        "median_ms": round(median, 4),
        "p90_ms": round(float(np.percentile(taken, 90)), 4),
        "p99_ms": round(float(np.percentile(taken, 99)), 4),
        "throughput": round(1000 * batch / median, 2),
    }


def _summed_up(timing: Timing, batch: int) -> dict[str, float]:
    named = {"min_ms": timing.min, "mean_ms": timing.mean, "max_ms": timing.max, "std_ms": timing.std}
    named |= {"median_ms" if at == 50 else f"p{at}_ms": value for at, value in timing.percentiles.items()}
    figures = {name: round(value / 1e6, 4) for name, value in named.items()}
    typical = timing.percentiles.get(50, timing.mean)
    return {**figures, "throughput": round(1e9 * batch / typical, 2)}
