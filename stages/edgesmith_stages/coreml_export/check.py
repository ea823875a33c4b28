"""Whether a saved package computes what its model does; if not, which operation doesn't."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith import StageFailed
from edgesmith_stages.coreml_export.saved import SavedPackage
from edgesmith_stages.coreml_export.trace import blame, canonical, trace
from edgesmith_stages.parity import MAX_DB, Parity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

TIE = 0.01
"""An answer that leads by less than this share of the logits' range is a tie, which any rounding may turn over."""

RECOVERS = 20
"""Decibels by which a package must be better without rounding for the rounding to be what spoils it."""


@dataclass(frozen=True)
class Bars:
    """What is asked of a package: least SQNR in dB, least share of equal top-1 answers where the model's is clear."""

    sqnr_db: float
    agreement: float

    def met(self, found: Comparison) -> bool:
        """Whether a package is good enough."""
        return found.parity.sqnr_db >= self.sqnr_db and found.agreement >= self.agreement


@dataclass(frozen=True)
class Comparison:
    """A package against its model.

    Attributes:
        parity: over all images.
        agreement: share of equal top-1 answers among those that are clear; 1 where none is.
        worst: index of the image with the least SQNR.
    """

    parity: Parity
    agreement: float
    worst: int


def compare(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> Comparison:
    """Compare logits, float32 [N, classes]."""
    import numpy as np

    ordered = np.sort(wanted.astype(np.float64), axis=1)
    lead = ordered[:, -1] - ordered[:, -2] if ordered.shape[1] > 1 else np.full(len(ordered), np.inf)
    clear = lead > TIE * (ordered[:, -1] - ordered[:, 0])
    same = wanted.argmax(axis=1) == found.argmax(axis=1)
    each = [Parity.of(wanted[i : i + 1], found[i : i + 1]).sqnr_db for i in range(len(wanted))]
    share = float(same[clear].mean()) if clear.any() else 1.0
    return Comparison(Parity.of(wanted, found), share, int(np.argmin(each)))


def require(
    package: SavedPackage,
    found: Comparison,
    bars: Bars,
    images: NDArray[np.uint8],
    wanted: NDArray[np.float32],
    reference: Callable[[int], Mapping[str, Tensor]],
    layers: Mapping[str, str],
) -> None:
    """Raise StageFailed if a package misses its bars; say which operation spoils it, and what to do.

    Args:
        package: the package, run on these images.
        found: what came of it.
        bars: what is asked.
        images: uint8 [N, H, W, C].
        wanted: the model's logits for them, float32 [N, classes].
        reference: the graph's results by operator, for one of the images.
        layers: the model's layers, by operator.
    """
    if bars.met(found):
        return
    parity = found.parity
    message = (
        f"the saved Core ML package does not compute what its model does: SQNR {parity.sqnr_db:.1f} dB, expected at "
        f"least {bars.sqnr_db:g}; top-1 agreement {found.agreement:.3f}, expected at least {bars.agreement:g} (run by "
        "the reference runtime)"
    )
    if package.losses:
        loss = package.losses[0]
        raise StageFailed(f"{message}. Its arithmetic breaks at {loss}{_layer(loss.name, layers)}", hint=_MIXED)
    image = images[found.worst : found.worst + 1]
    exact = SavedPackage(package.interpreter.package.path, package.contract, "fp32")
    unrounded = Parity.of(wanted[found.worst : found.worst + 1], exact.run(image)).sqnr_db
    rounding = unrounded - parity.sqnr_db > RECOVERS
    step = blame(trace(package if rounding else exact, image, reference(found.worst)), bars.sqnr_db)
    where = ""
    if step is not None:
        source = "exact" if step.before >= MAX_DB else f"at {step.before:.1f} dB"
        where = (
            f". It goes wrong at {step.type} {step.name!r}{_layer(step.name, layers)}: its inputs are {source}, its "
            f"result at {step.after:.1f}"
        )
    if rounding:
        raise StageFailed(f"{message}{where}. Without rounding to halves it has {unrounded:.1f} dB", hint=_MIXED)
    raise StageFailed(
        f"{message}{where}",
        hint="coremltools changed the model: try another `target`, fuse it first, or replace that operator in it",
    )


_MIXED = (
    "set `precision: mixed`, which keeps such operators in single precision, or `precision: fp32`; "
    "or accept the loss with a lower `min_sqnr`"
)


def _layer(name: str, layers: Mapping[str, str]) -> str:
    path = layers.get(canonical(name))
    return f" (layer {path})" if path else ""


def figures(found: Comparison) -> dict[str, Any]:
    """As a stage's figures, with who measured them."""
    return {**found.parity.figures(), "measured_by": "coreml-reference, declared precision"}
