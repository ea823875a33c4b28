"""Evidence that grows pair by pair, and may be looked at after each one.

Looking again and again and stopping when it pleases breaks ordinary tests: their 1 % becomes 10 %. Here evidence is the
wealth of somebody who bets on which side the next value falls. If values lie symmetrically around a border no strategy
makes money on average, and wealth over 100 comes up with a chance of at most 1 %, however often one looks (Ville). Each
stake is `tanh(rate * distance)` of the wealth, so that a far-off value counts no more than any other. Nothing is
assumed of the noise but symmetry, which drawing the order within each pair by chance provides.

Sources: de la Pena (1999), self-normalised bounds for symmetric variables; Ramdas, Grunwald, Vovk, Shafer (2023),
"Game-theoretic statistics and safe anytime-valid inference".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgesmith.estimates import centre

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_RATES = (10.0, 20.0, 40.0, 80.0, 160.0)
"""How boldly to bet, in stakes per unit of log-ratio. Wealth is spread over all: one of them suits the noise."""


def wealth(values: Sequence[float], border: float) -> float:
    """Return the evidence that the centre of `values` is over `border`; for under it, give both with other signs."""
    return float(_wealths(values, [border])[0])


def _wealths(values: Sequence[float], borders: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    if not len(values):
        return np.ones(len(borders))
    distance = np.asarray(values, np.float64)[None, :] - np.asarray(borders, np.float64)[:, None]
    bets = np.tanh(np.asarray(_RATES)[:, None, None] * distance[None])
    # A bet of everything that is lost, tanh = -1 in floating point, leaves next to nothing instead of minus infinity.
    logs = np.log1p(np.maximum(bets, -1 + 1e-12)).sum(axis=2)
    return np.asarray(np.exp(np.minimum(logs, 600.0)).mean(axis=0))


def interval(values: Sequence[float], certainty: float, reach: float = 1.0, steps: int = 4001) -> tuple[float, float]:
    """Return bounds of the centre of `values`, each of which holds at every look with at least this certainty.

    They are what a test at the same certainty leaves: one that is sure of "over the border" has its lower bound there.
    Few values bound nothing: infinities then.

    Args:
        certainty: of each bound, such as 0.99.
        reach: how far beyond the values bounds are looked for.
    """
    import numpy as np

    if not len(values):
        return -math.inf, math.inf
    grid = np.linspace(min(values) - reach, max(values) + reach, steps)
    most = 1 / (1 - certainty)
    above = _wealths(values, grid) < most
    below = _wealths([-value for value in values], -grid) < most
    held = grid[above & below]
    if not len(held):
        return centre(values), centre(values)
    return -math.inf if above[0] else float(held[0]), math.inf if below[-1] else float(held[-1])
