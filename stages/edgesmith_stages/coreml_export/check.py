"""Whether a saved package computes what its model does; if not, which operation doesn't."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith import StageFailed
from edgesmith.parity import Parity
from edgesmith_stages.coreml_export.saved import SavedPackage
from edgesmith_stages.coreml_export.sensitivity import Source, decibels_without
from edgesmith_stages.coreml_export.trace import blame, canonical, trace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

TIE = 0.01
"""An answer that leads by less than this share of the logits' range is a tie, which any rounding may turn over."""

UNEXPLAINED = 10
"""Decibels by which a package must be worse than rounding to halves predicts for its operations to be suspected."""


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


@dataclass(frozen=True)
class Insight:
    """What the graph tells about a package that was made of it.

    Attributes:
        values: its operators' results for one of the images, by name.
        sources: what each rounding does to the logits of a package for one of the images.
        layers: the model's layers, by operator.
        half: whether the package computes in halves.
    """

    values: Callable[[int], Mapping[str, Tensor]]
    sources: Callable[[SavedPackage, int], Collection[Source]]
    layers: Mapping[str, str]
    half: bool

    def layer(self, name: str) -> str:
        """Phrase the layer that an operation comes from."""
        path = self.layers.get(canonical(name))
        return f" (layer {path})" if path else ""


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
    insight: Insight,
) -> None:
    """Raise StageFailed if a package misses its bars; say which operation spoils it, and what to do.

    Args:
        package: the package, run on these images.
        found: what came of it.
        bars: what is asked.
        images: uint8 [N, H, W, C].
        insight: into the graph that it was made of.
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
        raise StageFailed(f"{message}. Its arithmetic breaks at {loss}{insight.layer(loss.name)}", hint=_MIXED)
    spoilers = insight.sources(package, found.worst) if insight.half else ()
    if spoilers and decibels_without(spoilers, ()) - parity.sqnr_db < UNEXPLAINED:
        raise StageFailed(f"{message}. It is what halves cost{_worst_rounding(spoilers, insight)}", hint=_MIXED)
    exact = SavedPackage(package.interpreter.package.path, package.contract, "fp32")
    image = images[found.worst : found.worst + 1]
    step = blame(trace(exact, image, insight.values(found.worst)), bars.sqnr_db)
    raise StageFailed(
        message if step is None else f"{message}. It goes wrong at {step}{insight.layer(step.name)}",
        hint="coremltools changed the model: try another `target`, fuse it first, or replace that operator in it",
    )


_MIXED = (
    "set `precision: mixed`, which keeps such operators in single precision, or `precision: fp32`; "
    "or accept the loss with a lower `min_sqnr`"
)


def _worst_rounding(sources: Collection[Source], insight: Insight) -> str:
    worst = max(sources, key=lambda one: one.power, default=None)
    if worst is None:
        return ""
    share = worst.power / sum(one.power for one in sources)
    return f": most is lost at {worst.name!r}{insight.layer(worst.name)}, {100 * share:.0f} % of the noise"


def figures(found: Comparison) -> dict[str, Any]:
    """As a stage's figures, with who measured them."""
    return {**found.parity.figures(), "measured_by": "coreml-reference, declared precision"}
