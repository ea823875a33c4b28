"""Centres, intervals and trends of a few noisy values: what verdicts on measurements rest on.

SciPy has the plain versions of these; importing its statistics takes a second, and they are too narrow for what is
measured here: few values, and values that hang together over time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST = 5
"""Values below which a bootstrap interval says nothing."""

FEWEST_IN_TIME = 12
"""Values in time below which neither a trend nor a change has an interval."""

_RESAMPLES = 4000
_VALUES_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Estimate:
    """A value with the bounds of its interval."""

    value: float
    low: float
    high: float


def centre(values: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the Hodges-Lehmann centre: the median of the means of all pairs (each with itself included)."""
    import numpy as np

    array = np.asarray(values, np.float64)
    if not len(array):
        return 0.0
    first, second = np.triu_indices(len(array))
    return float(np.median((array[first] + array[second]) / 2))


def bootstrap(values: Sequence[float], certainty: float, seed: int) -> Estimate:
    """Return the centre of independent values with its bootstrap interval: percentiles, expanded for few values.

    Plain percentiles at 95 % hold the truth in 86 % of cases with 5 values, and in 92 % with 8; the expansion is the
    one that makes them right for means of normal values. Source: Hesterberg (2015), "What Teachers Should Know About
    the Bootstrap".

    Args:
        certainty: such as 0.95.

    Raises:
        ValueError: there are fewer than `FEWEST` values.
    """
    import numpy as np

    array = np.asarray(values, np.float64)
    count = len(array)
    if count < FEWEST:
        raise ValueError(f"{count} values are too few for a bootstrap interval; expected at least {FEWEST}")
    drawn = array[np.random.default_rng(seed).integers(0, count, (_RESAMPLES, count))]
    first, second = np.triu_indices(count)
    step = max(1, _VALUES_AT_ONCE // len(first))
    blocks = [drawn[begin : begin + step] for begin in range(0, _RESAMPLES, step)]
    centres = np.concatenate([np.median((one[:, first] + one[:, second]) / 2, axis=1) for one in blocks])
    tail = NormalDist().cdf(-((count / (count - 1)) ** 0.5) * _student((1 + certainty) / 2, count - 1))
    low, high = np.quantile(centres, [tail, 1 - tail])
    return Estimate(centre(array), float(low), float(high))


def paired_difference(gained: int, lost: int, total: int, certainty: float) -> Estimate:
    """Return by how much a share changed from one model to another on the same images, with its interval.

    Where no image differs, a bootstrap would say that nothing ever will; this one knows how many images there were.
    Source: Bonett and Price (2012), "Adjusted Wald confidence interval for a difference of binomial proportions based
    on paired data".

    Args:
        gained: images that the second model gets right and the first doesn't.
        lost: images that the first model gets right and the second doesn't.
        total: all images.
        certainty: such as 0.95.
    """
    up, down = (gained + 1) / (total + 2), (lost + 1) / (total + 2)
    half = _quantile(certainty) * ((up + down - (up - down) ** 2) / (total + 2)) ** 0.5
    middle = up - down
    return Estimate((gained - lost) / total, max(-1.0, middle - half), min(1.0, middle + half))


def trend(places: Sequence[float], values: Sequence[float], certainty: float) -> Estimate | None:
    """Return by how much values grow per unit of place (Theil-Sen), with Sen's interval.

    Values near in time are alike, which makes the plain interval too narrow: its variance is raised as their lag-1
    autocorrelation demands. None if they are too few. Sources: Sen (1968), "Estimates of the regression coefficient
    based on Kendall's tau"; Yue and Wang (2004), "The Mann-Kendall test modified by effective sample size".
    """
    import numpy as np

    x, y = np.asarray(places, np.float64), np.asarray(values, np.float64)
    count = len(y)
    if count < FEWEST_IN_TIME:
        return None
    first, second = np.triu_indices(count, 1)
    slopes = np.sort((y[second] - y[first]) / (x[second] - x[first]))
    slope = float(np.median(slopes))
    persistence = _persistence(y - slope * x)
    inflation = persistence.inflation(count)
    ranks = (count * (count - 1) * (2 * count + 5) / 18 * inflation) ** 0.5 / 2
    spread = persistence.deviation * (inflation / count) ** 0.5 / float(x.std())
    return _within(slopes, certainty, ranks, spread)


def change(values: Sequence[float], certainty: float) -> Estimate | None:
    """Return by how much the last quarter of values in time exceeds the first eighth; None if they are too few.

    The first eighth is short, as what heats up is slower soon. The estimate is the Hodges-Lehmann shift, its interval
    that of Mann and Whitney with the variance raised as for `trend`.
    """
    import numpy as np

    array = np.asarray(values, np.float64)
    count = len(array)
    if count < FEWEST_IN_TIME:
        return None
    begin, end = array[: max(4, count // 8)], array[-max(4, count // 4) :]
    shifts = np.sort((end[:, None] - begin[None, :]).ravel())
    persistence = _persistence(array)
    plain = 1 / len(begin) + 1 / len(end)
    raised = sum(persistence.inflation(len(part)) / len(part) for part in (begin, end))
    ranks = (len(shifts) * (len(begin) + len(end) + 1) / 12 * raised / plain) ** 0.5
    return _within(shifts, certainty, ranks, persistence.deviation * raised**0.5)


def _within(ordered: NDArray[np.float64], certainty: float, ranks: float, spread: float) -> Estimate:
    """Return the median, with the values so many of its standard deviations in `ranks` below and above it.

    Where there are not so many ranks, the bounds are those of a normal value with the standard deviation `spread`.
    """
    import numpy as np

    median, middle, times = float(np.median(ordered)), (len(ordered) - 1) / 2, _quantile(certainty)
    low, high = math.floor(middle - times * ranks), math.ceil(middle + times * ranks)
    if low < 0:
        return Estimate(median, median - times * spread, median + times * spread)
    return Estimate(median, float(ordered[low]), float(ordered[high]))


@dataclass(frozen=True)
class _Persistence:
    """How values in time hang together.

    Attributes:
        deviation: standard deviation of the values around what they tend to.
        alike: their lag-1 autocorrelation.
    """

    deviation: float
    alike: float

    def inflation(self, count: int) -> float:
        """Return by how much the variance of the mean of so many neighbours exceeds that of independent values."""
        return 1 + 2 * math.fsum((1 - lag / count) * self.alike**lag for lag in range(1, count))


def _persistence(values: NDArray[np.float64]) -> _Persistence:
    """Take values for an autoregressive process, whatever trend it has.

    Its neighbouring differences correlate by (lag-1 autocorrelation - 1) / 2. Wild ones, those of a step, are clipped.
    """
    import numpy as np

    steps = np.diff(values)
    steps -= np.median(steps)
    usual = 1.4826 * float(np.median(np.abs(steps)))
    if usual == 0:
        return _Persistence(0.0, 0.0)
    clipped = np.clip(steps, -2.5 * usual, 2.5 * usual)
    alike = 1 + 2 * float(clipped[1:] @ clipped[:-1]) / float(clipped @ clipped)
    alike = min(0.95, max(0.0, alike))
    return _Persistence(usual / (2 * (1 - alike)) ** 0.5, alike)


def _quantile(certainty: float) -> float:
    """Return how many standard deviations hold a normal value with this certainty."""
    return NormalDist().inv_cdf((1 + certainty) / 2)


def _student(probability: float, freedom: int) -> float:
    """Return a quantile of Student's distribution, by the expansion of Cornish and Fisher; 1 % off at freedom 4."""
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom ** (power + 1) for power, term in enumerate(terms))
