"""How like two layers' values are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_DB = 200.0
"""What equal values are told as; values that are no numbers get its negative."""


@dataclass(frozen=True)
class Order:
    """How the values of two layers lie on each other: the axes of one, sizes of 1 left out, in another order.

    Attributes:
        of_b: whether it is the second layer's axes.
        axes: the order; empty as they are.
    """

    of_b: bool = False
    axes: tuple[int, ...] = ()

    def laid(self, a: NDArray[np.floating], b: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return both as float64 vectors, element on element."""
        import numpy as np

        if self.axes and self.of_b:
            b = b.squeeze().transpose(self.axes)
        elif self.axes:
            a = a.squeeze().transpose(self.axes)
        return np.asarray(a, np.float64).reshape(-1), np.asarray(b, np.float64).reshape(-1)


@dataclass
class Energy:
    """Energy of a layer's values, and of their difference to another's; summed over images."""

    signal: float = 0.0
    noise: float = 0.0

    def add(self, reference: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Add vectors of one length. Where both are the same infinity, or no numbers, they don't differ."""
        import numpy as np

        same = (reference == values) | (np.isnan(reference) & np.isnan(values))
        with np.errstate(invalid="ignore", over="ignore"):
            self.noise += float(np.sum(np.square(np.where(same, 0.0, reference - values))))
            self.signal += float(np.sum(np.square(reference[np.isfinite(reference)])))

    @property
    def sqnr_db(self) -> float:
        """Signal-to-quantisation-noise ratio in decibels, within +-MAX_DB: 10 log10(signal / noise)."""
        if self.noise == 0:
            return MAX_DB
        if not math.isfinite(self.noise) or self.signal == 0:
            return -MAX_DB
        return max(-MAX_DB, min(MAX_DB, 10 * math.log10(self.signal / self.noise)))
