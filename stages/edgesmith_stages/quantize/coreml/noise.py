"""What each operation's weights cost in each form: the noise that they add to the logits, measured one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from edgesmith_stages.quantize.assignment import UNTOUCHED
from edgesmith_stages.quantize.coreml.allocation import Cost, Table
from edgesmith_stages.quantize.coreml.forms import PROBED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith_stages.quantize.coreml.swapped import Swapped

HOPELESS = 1e6
"""Noise over signal beyond which nothing is left to lose."""


def costs(
    swapped: Swapped,
    names: Collection[str],
    forms: Collection[str],
    images: NDArray[np.uint8],
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Table:
    """Measure one operation at a time.

    Each is run in one form, PROBED. Other forms' noise is taken to be as much more or less as they move the weights:
    to first order both grow alike.

    Args:
        swapped: runs the package.
        names: of the operations.
        forms: to tell about, PROBED among them.
        images: uint8 [N, H, W, C].
        told: called with how many operations are done.
    """
    wanted = swapped.logits({}, images)
    signal = float((wanted.astype("float64") ** 2).sum()) or 1.0
    table = {}
    for done, name in enumerate(names):
        told(done, len(names))
        moved = {form: swapped.weight_noise(form, name) for form in forms}
        # Weights that the probe holds exactly say nothing; those that no form moves add nothing in any.
        probe = PROBED if moved[PROBED] else max(moved, key=lambda form: moved[form])
        found = 0.0
        if moved[probe]:
            answers = swapped.logits({name: probe}, images)
            noise = float(((answers - wanted).astype("float64") ** 2).sum()) / signal
            # Logits that are infinite or no numbers are no better than any other noise.
            found = (noise if noise < HOPELESS else HOPELESS) / moved[probe]
        sizes = swapped.weight_bytes
        table[name] = {form: Cost(sizes[form][name], found * moved[form]) for form in forms}
        table[name][UNTOUCHED] = Cost(sizes[UNTOUCHED][name], 0.0)
    return table
