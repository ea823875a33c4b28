"""Cut a range where what it loses beyond is worth the finer steps within.

Both ways take the histogram of a value over all images, BINS equal bins between its extremes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS = 2048
KEPT = 0.9999
"""Share of values that `percentile` keeps."""

LEVELS = 128
"""Magnitudes of an 8-bit number."""
STEP = 16
"""Bins between two cuts that `entropy` tries."""


def percentile(counts: NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    """Return the range that holds KEPT of the values, with equal shares cut off on both sides."""
    import numpy as np

    edges = np.linspace(low, high, len(counts) + 1)
    share = np.cumsum(counts) / counts.sum()
    side = (1 - KEPT) / 2
    first = int(np.searchsorted(share, side, side="right"))
    last = min(int(np.searchsorted(share, 1 - side)), len(counts) - 1)
    return float(edges[first]), float(edges[last + 1])


def entropy(counts: NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    """Return the range whose quantised distribution of magnitudes is nearest to the true one (Kullback-Leibler).

    Source: Szymon Migacz, "8-bit inference with TensorRT", GTC 2017.
    """
    import numpy as np

    centres = np.linspace(low, high, 2 * len(counts) + 1)[1::2]
    most = max(-low, high)
    magnitudes, edges = np.histogram(np.abs(centres), BINS, (0, most), weights=counts)
    # Zeros, after a ReLU half of all, are exact under any cut: they would decide the divergence.
    magnitudes[0] = magnitudes[1]
    cuts = range(LEVELS, BINS + 1, STEP)
    best = min(cuts, key=lambda cut: _divergence(magnitudes, cut))
    limit = float(edges[best])
    return max(low, -limit), min(high, limit)


def _divergence(magnitudes: NDArray[np.float64], cut: int) -> float:
    """Kullback-Leibler divergence of the first `cut` bins, with all others added to the last, from their LEVELS."""
    import numpy as np

    true = magnitudes[:cut].copy()
    true[-1] += magnitudes[cut:].sum()
    if true.sum() == 0:
        return float("inf")
    starts = np.arange(LEVELS) * cut // LEVELS
    filled = (magnitudes[:cut] > 0).astype(np.float64)
    sums, sizes = np.add.reduceat(magnitudes[:cut], starts), np.add.reduceat(filled, starts)
    level = np.repeat(sums / np.maximum(sizes, 1), np.diff([*starts, cut]))
    coarse = level * filled
    p, q = true / true.sum(), coarse / max(coarse.sum(), 1e-300)
    some = p > 0
    return float(np.sum(p[some] * np.log(p[some] / np.maximum(q[some], 1e-12))))
