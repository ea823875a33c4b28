"""Where two models of one ancestor part: both run on the same images, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgesmith.artifacts import Model
from edgesmith.errors import RuntimeUnavailable, UserError
from edgesmith.loading import object_name
from edgesmith.process import Launch, ModelProcess
from edgesmith.runtime import Runtime, Tap
from edgesmith_flows.bridge import bridge_for
from edgesmith_flows.layer_matching import Matching, match
from edgesmith_flows.likeness import Energy
from edgesmith_flows.registry import Registry, why_unavailable
from edgesmith_flows.toolchains import Toolchains

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Layer:
    """One result of a model: its name, its operation in the format's own words, and its shape."""

    name: str
    op: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A line of the comparison: a layer of either model, with its partner and their SQNR in dB where it has one."""

    a: Layer | None
    b: Layer | None
    sqnr_db: float | None = None


@dataclass(frozen=True)
class Diff:
    """Two models, layer by layer.

    Attributes:
        rows: in order, layers without a partner among them.
        images: how many were compared on.
        sqnr_db: of the outputs, as each model's runtime gives them when nobody looks on.
        agreement: share of equal top-1 answers, 0 to 1.
        runtimes: what ran the two.
        same_source: whether both carry the same golden outputs: nothing was trained between them.
    """

    rows: Sequence[Row]
    images: int
    sqnr_db: float
    agreement: float
    runtimes: tuple[str, str]
    same_source: bool = True

    @property
    def matched(self) -> list[Row]:
        """The layers that both models have."""
        return [row for row in self.rows if row.sqnr_db is not None]

    def counts(self) -> tuple[int, int]:
        """Return the numbers of layers of the two models."""
        return sum(row.a is not None for row in self.rows), sum(row.b is not None for row in self.rows)

    def parts_at(self, bar: float) -> int | None:
        """Return the place among `matched` of the first layer under `bar` dB, or None."""
        return next((i for i, row in enumerate(self.matched) if (row.sqnr_db or 0.0) < bar), None)

    def steepest(self, bar: float) -> int | None:
        """Return the place among `matched` of the layer that is furthest below all before it and `bar`, or None."""
        lowest, most, place = bar, 0.0, None
        for i, row in enumerate(self.matched):
            value = row.sqnr_db or 0.0
            if lowest - value > most:
                most, place = lowest - value, i
            lowest = min(lowest, value)
        return place


def compare(
    a: Model,
    b: Model,
    registry: Registry,
    *,
    toolchains: Toolchains | None = None,
    images: int | None = None,
    threads: int = 1,
    log: Callable[[str], None] = lambda _: None,
) -> Diff:
    """Run two models on the golden images that they share, and compare what their layers give.

    Args:
        a: the reference.
        b: the model that is held against it.
        images: use the first ones only.
        log: told of environments that are built.

    Raises:
        UserError: the models have other golden images or batch sizes.
        RuntimeUnavailable: no runtime here runs a model and shows its intermediate results.
    """
    pixels, batch = shared_images(a, b)[:images], shared_batch(a, b)
    environments = toolchains or Toolchains()
    launches = [_launch(type(model), registry, environments, log) for model in (a, b)]
    with ModelProcess(launches[0], a, threads) as one, ModelProcess(launches[1], b, threads) as other:
        outputs = comparable(a, one.predict(pixels), b, other.predict(pixels))
        walk = Walk()
        for place in range(len(pixels)):
            image = pixels[place : place + 1].repeat(batch, axis=0)
            walk.add(one.tap(image), other.tap(image))
    total = Energy()
    total.add(outputs[0].reshape(-1), outputs[1].reshape(-1))
    agreement = float((outputs[0].argmax(1) == outputs[1].argmax(1)).mean())
    runtimes = (launches[0].name, launches[1].name)
    return Diff(walk.rows(), len(pixels), total.sqnr_db, agreement, runtimes, _same_source(a, b))


@dataclass
class Walk:
    """Two models' results, matched on the first image and compared on all."""

    a: list[Layer] = field(default_factory=list)
    b: list[Layer] = field(default_factory=list)
    matching: Matching = field(default_factory=Matching)
    energies: list[Energy] = field(default_factory=list)

    def add(self, a: list[Tap], b: list[Tap]) -> None:
        """Compare one image's results."""
        seen = [_layer(tap) for tap in a], [_layer(tap) for tap in b]
        if not self.a:
            self.a, self.b = seen
            self.matching = match(a, b)
            self.energies = [Energy() for _ in self.matching.pairs]
        if seen != (self.a, self.b):
            raise UserError("a model runs other operations for another image", hint="compare with `--images 1`")
        for pair, energy in zip(self.matching.pairs, self.energies, strict=True):
            energy.add(*pair.order.laid(a[pair.a].value, b[pair.b].value))

    def rows(self) -> list[Row]:
        """Return all layers in order; between two pairs, those of the reference come first."""
        found = []
        partners = {pair.a: (pair.b, energy) for pair, energy in zip(self.matching.pairs, self.energies, strict=True)}
        taken = {b for b, _ in partners.values()}
        rest = [place for place in self.matching.b if place not in taken]
        for place in self.matching.a:
            if place not in partners:
                found.append(Row(self.a[place], None))
                continue
            partner, energy = partners[place]
            while rest and rest[0] < partner:
                found.append(Row(None, self.b[rest.pop(0)]))
            found.append(Row(self.a[place], self.b[partner], energy.sqnr_db))
        return found + [Row(None, self.b[place]) for place in rest]


def shared_images(a: Model, b: Model) -> NDArray[np.uint8]:
    """Return the golden images of two models: uint8 [N, H, W, C]; raise UserError if they have others."""
    import numpy as np

    (one, _), (other, _) = a.golden(), b.golden()
    if one.shape != other.shape or not np.array_equal(one, other):
        sizes = f": {list(one.shape)} and {list(other.shape)}" if one.shape != other.shape else ""
        raise UserError(
            f"the two models have no ancestor in common: their golden images are not the same{sizes}",
            hint="compare a model with one that was made from it, or two that were made from one",
        )
    return one


def _same_source(a: Model, b: Model) -> bool:
    import numpy as np

    return np.array_equal(a.golden()[1], b.golden()[1])


def shared_batch(a: Model, b: Model) -> int:
    """Return the batch size that both files take; raise UserError if there is none."""
    sizes = {model.contract.batch for model in (a, b)} - {None}
    if len(sizes) > 1:
        raise UserError(f"the two models take batches of {a.contract.batch} and of {b.contract.batch}, no common size")
    return next((size for size in sizes if size), 1)


def tapping_runtime(kind: type[Model], registry: Registry) -> type[Runtime]:
    """Return the runtime that shows the intermediate results of a kind; raise RuntimeUnavailable if there is none."""
    takers = [runtime for runtime in registry.runtimes.values() if issubclass(kind, runtime.accepts)]
    reasons = []
    for runtime in sorted(takers, key=lambda one: (kind not in one.accepts, one.name)):
        reason = why_unavailable(runtime) or (None if runtime.can_tap() else "it shows no intermediate results")
        if reason is None:
            return runtime
        reasons.append(f"{runtime.name}: {reason}")
    raise RuntimeUnavailable(
        f"{kind.kind} models can't be compared layer by layer here: "
        + ("; ".join(reasons) or f"no runtime for {kind.kind}")
    )


def _launch(kind: type[Model], registry: Registry, toolchains: Toolchains, log: Callable[[str], None]) -> Launch:
    runtime = tapping_runtime(kind, registry)
    environment = toolchains.build(runtime.toolchain(), log)
    return Launch(runtime.name, object_name(runtime), environment.python, bridge_for(registry))


def comparable(
    a: Model, outputs_a: NDArray[np.float32], b: Model, outputs_b: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return outputs [N, classes] that mean the same: where only one file gives probabilities, both as such.

    Raises:
        UserError: the models have other classes.
    """
    import numpy as np

    if outputs_a.shape != outputs_b.shape:
        raise UserError(f"the two models give {list(outputs_a.shape)} and {list(outputs_b.shape)}: other classes")
    found = []
    for model, outputs in ((a, outputs_a), (b, outputs_b)):
        values = outputs.astype(np.float64)
        if a.contract.output != b.contract.output and model.contract.output == "logits":
            values = np.exp(values - values.max(1, keepdims=True))
            values /= values.sum(1, keepdims=True)
        found.append(values)
    return found[0], found[1]


def _layer(tap: Tap) -> Layer:
    return Layer(tap.name, tap.op, tuple(tap.value.shape))
