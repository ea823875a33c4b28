"""Mixed precision: which operations stay in single precision, so that the rest can be halves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgesmith import StageFailed
from edgesmith_stages.coreml_export.check import Bars, Comparison, compare
from edgesmith_stages.coreml_export.saved import SavedPackage
from edgesmith_stages.coreml_export.sensitivity import Source, cheapest, decibels_without
from edgesmith_stages.coreml_export.trace import canonical

if TYPE_CHECKING:
    import logging

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

LARGEST_HALF = 65504.0
HEADROOM = 2.0
"""How far under the largest half results must stay on the images looked at: others will reach further."""

ROUNDS = 6
MARGIN = 1.0
"""Decibels over the bar to aim for at first; a round that still misses aims higher by what it missed, and this."""


@dataclass
class Choice:
    """Operations that stay in single precision.

    Attributes:
        reasons: why, by canonical name.
        rounds: conversions it took.
    """

    reasons: dict[str, str] = field(default_factory=dict)
    rounds: int = 0


Make = Callable[[Collection[str] | None, Collection[str]], SavedPackage]
"""Converts with these operations in single precision, or, for None, with all of them; and with all that are known."""

Sources = Callable[[SavedPackage, int], Collection[Source]]
"""Finds what each rounding does to the logits of one of the images."""


def choose(
    make: Make,
    sources: Sources,
    images: NDArray[np.uint8],
    wanted: NDArray[np.float32],
    bars: Bars,
    log: logging.Logger,
) -> tuple[Choice, SavedPackage, Comparison]:
    """Find operations to keep in single precision until a package meets its bars.

    First come those that reach what a half can't hold. Where that is not enough, those whose rounding costs the logits
    most are chosen by prediction, and the package that this makes is measured; until it is good enough.

    Args:
        make: converts.
        sources: finds the roundings that matter.
        images: uint8 [N, H, W, C].
        wanted: the model's logits for them, float32 [N, classes].
        bars: what is asked of the package.
        log: told what each round gives.

    Returns:
        The choice, the package and how it compares.

    Raises:
        StageFailed: no choice meets the bars.
    """
    whole = make(None, ())
    known = {canonical(operation.name) for operation in whole.block.operations}
    choice = Choice(_overflowing(whole, images))
    roundings: Collection[Source] = ()
    offset, aim = 0.0, bars.sqnr_db + MARGIN
    while True:
        package = make(choice.reasons, known)
        choice.rounds += 1
        found = compare(wanted, package.logits(images))
        measured = found.parity.sqnr_db
        log.info("%d operations in single precision: SQNR %.1f dB", len(choice.reasons), measured)
        if bars.met(found):
            return choice, package, found
        if not roundings:
            roundings = sources(package, found.worst)
            predicted = decibels_without(roundings, choice.reasons)
            # Powers add up as if roundings knew nothing of each other, which makes the prediction a little too low.
            offset = measured - predicted if measured > 0 else 0.0
        else:
            aim += max(bars.sqnr_db - measured, 0.0) + MARGIN
        added = cheapest(roundings, choice.reasons, aim - offset)
        if choice.rounds >= ROUNDS or not added:
            raise StageFailed(
                f"mixed precision: with {len(choice.reasons)} operations in single precision the package has "
                f"{measured:.1f} dB and top-1 agreement {found.agreement:.3f}, expected at least {bars.sqnr_db:g} and "
                f"{bars.agreement:g}",
                hint="set `precision: fp32`, or lower `min_sqnr`",
            )
        noise = sum(one.power for one in roundings)
        for name, source in added.items():
            share = f"{100 * source.power / noise:.1f} % of the noise"
            own = name == source.name
            choice.reasons[name] = (
                f"its rounding is {share}" if own else f"reads {source.name}, whose rounding is {share}"
            )


def _peaks(package: SavedPackage, images: NDArray[np.uint8]) -> dict[str, float]:
    """The largest magnitude of every result over the images, by canonical name."""
    peaks: dict[str, float] = {}

    def tap(name: str, value: Tensor) -> None:
        if value.numel():
            low, high = value.aminmax()
            key = canonical(name)
            peaks[key] = max(peaks.get(key, 0.0), -float(low), float(high))

    for image in images:
        package.run(image[None], tap)
    return peaks


def _overflowing(package: SavedPackage, images: NDArray[np.uint8]) -> dict[str, str]:
    """Operations that give or take what a half can't hold, with the reason."""
    peaks = _peaks(package, images)
    found = {}
    for operation in package.block.operations:
        results = [canonical(value.name) for value in operation.outputs]
        taken = [canonical(name) for name in operation.names()]
        peak = max((peaks.get(name, 0.0) for name in [*results, *taken]), default=0.0)
        if peak * HEADROOM > LARGEST_HALF:
            gives = any(peaks.get(name, 0.0) == peak for name in results)
            found[canonical(operation.name)] = (
                f"{operation.type} {'reaches' if gives else 'takes'} {peak:,.0f}; a half holds {LARGEST_HALF:,.0f}"
            )
    return found
