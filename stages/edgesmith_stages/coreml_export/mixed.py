"""Mixed precision: which operations stay in single precision, so that the rest can be halves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgesmith import StageFailed
from edgesmith_stages.coreml_export.check import Bars, Comparison, compare
from edgesmith_stages.coreml_export.saved import SavedPackage
from edgesmith_stages.coreml_export.trace import canonical, producers, trace
from edgesmith_stages.parity import MAX_DB

if TYPE_CHECKING:
    import logging

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

LARGEST_HALF = 65504.0
HEADROOM = 2.0
"""How far under the largest half results must stay on the images looked at: others will reach further."""

FIRST = 8
"""Operations added in the first round; each round adds twice as many as the one before."""

ROUNDS = 7


@dataclass
class Choice:
    """Operations that stay in single precision.

    Attributes:
        reasons: why, by canonical name.
        rounds: conversions it took.
    """

    reasons: dict[str, str] = field(default_factory=dict)
    rounds: int = 0


Make = Callable[[Collection[str] | None], SavedPackage]
"""Converts with these operations in single precision, or, for None, with all of them."""


def choose(
    make: Make, images: NDArray[np.uint8], wanted: NDArray[np.float32], bars: Bars, log: logging.Logger
) -> tuple[Choice, SavedPackage, Comparison]:
    """Find operations to keep in single precision until a package meets its bars.

    First come those that reach what a half can't hold. Then, each round on the package as it is, those at which the
    ratio of noise to signal grows most, with what computes their arguments: a difference of nearly equal numbers is
    lost before it is taken.

    Args:
        make: converts.
        images: uint8 [N, H, W, C].
        wanted: the model's logits for them, float32 [N, classes].
        bars: what is asked of the package.
        log: told what each round gives.

    Returns:
        The choice, the package and how it compares.

    Raises:
        StageFailed: no choice meets the bars.
    """
    whole = make(None)
    peaks = _peaks(whole, images)
    choice = Choice(_overflowing(whole, peaks))
    worst, reference = -1, {}
    count = FIRST
    while True:
        package = make(choice.reasons)
        choice.rounds += 1
        found = compare(wanted, package.logits(images))
        log.info("%d operations in single precision: SQNR %.1f dB", len(choice.reasons), found.parity.sqnr_db)
        if bars.met(found):
            return choice, package, found
        if found.worst != worst:
            worst, reference = found.worst, _results(whole, images[found.worst : found.worst + 1])
        added = _lossy(package, images[worst : worst + 1], reference, choice.reasons, count)
        if choice.rounds >= ROUNDS or not added:
            raise StageFailed(
                f"mixed precision: with {len(choice.reasons)} operations in single precision the package has "
                f"{found.parity.sqnr_db:.1f} dB and top-1 agreement {found.agreement:.3f}, expected at least "
                f"{bars.sqnr_db:g} and {bars.agreement:g}",
                hint="set `precision: fp32`, or lower `min_sqnr`",
            )
        choice.reasons.update(added)
        count *= 2


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


def _overflowing(package: SavedPackage, peaks: Mapping[str, float]) -> dict[str, str]:
    """Operations that give or take what a half can't hold, with the reason."""
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


def _results(package: SavedPackage, image: NDArray[np.uint8]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    package.run(image, lambda name, value: found.__setitem__(canonical(name), value))
    return found


def _lossy(
    package: SavedPackage,
    image: NDArray[np.uint8],
    reference: Mapping[str, Tensor],
    kept: Mapping[str, str],
    count: int,
) -> dict[str, str]:
    """The next operations to keep: `count` of those that lose most, and what their arguments went through."""
    steps = [step for step in trace(package, image, reference) if step.after < MAX_DB]
    steps.sort(key=lambda step: (-step.growth, step.after))
    sources = producers(package.block)
    found: dict[str, str] = {}
    ranked = 0
    for step in steps:
        new = [name for name in (step.name, *sources.get(step.name, ())) if name not in kept and name not in found]
        if not new:
            continue
        for name in new:
            why = f"{step.type} takes {step.before:.1f} dB and gives {step.after:.1f}"
            found[name] = why if name == step.name else f"feeds {step.name}: {why}"
        ranked += 1
        if ranked == count:
            break
    return found
