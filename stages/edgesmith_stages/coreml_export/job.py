"""One export: the graph, the package, and their checks."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import InputContract, StageFailed, TorchModel, UserError
from edgesmith_stages.coreml_export import graph
from edgesmith_stages.coreml_export.check import Bars, Insight, compare, figures, require
from edgesmith_stages.coreml_export.convert import convert
from edgesmith_stages.coreml_export.mixed import choose
from edgesmith_stages.coreml_export.saved import SavedPackage, one_thread, underflows
from edgesmith_stages.coreml_export.sensitivity import Source, sources
from edgesmith_stages.coreml_export.sizes import Size, Sizes, export_open

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Context

BARS = {"fp32": 60.0, "fp16": 40.0, "mixed": 40.0}
"""The least SQNR of a package by precision, in dB. Where nothing goes wrong, halves leave timm's networks 50 to 66."""

GRAPH_BAR = 60.0
"""The least SQNR of the graph, which computes in single precision, in dB."""


@dataclass(frozen=True)
class Job:
    """What the steps of one export share.

    Attributes:
        source: the torch model.
        contract: of the package.
        images: to compare on, uint8 [N, H, W, C].
        wanted: the model's logits for them, float32 [N, classes].
        elsewhere: by further size, images and the model's logits for them.
        program: the graph.
        graph_figures: how it compares with the model.
    """

    ctx: Context
    source: TorchModel
    contract: InputContract
    params: Any
    sizes: Sizes
    images: NDArray[np.uint8]
    wanted: NDArray[np.float32]
    elsewhere: Mapping[Size, tuple[NDArray[np.uint8], NDArray[np.float32]]]
    program: Any
    graph_figures: Mapping[str, float]

    @classmethod
    def prepare(cls, ctx: Context, source: TorchModel, contract: InputContract, params: Any) -> Job:
        """Export the graph and check it.

        Raises:
            StageFailed: torch.export fails, or its graph isn't the model.
            UserError: the model doesn't take one of the sizes.
        """
        from edgesmith.parity import Parity, probe_images
        from edgesmith_stages.coreml_export.branches import unfused
        from edgesmith_stages.models.recipe import logits

        sizes = Sizes.read(params.sizes, source.contract)
        module = source.module()
        images = probe_images(contract, source.golden()[0], ctx.seed)
        wanted = logits(module, source.contract, images)
        elsewhere = {size: _at(size, module, source.contract, images[:1], ctx.seed) for size in sizes.probes()}
        branches = unfused(module, graph.rows(source.contract, params, images[:1]))
        if branches is not None:
            ctx.log.warning(
                "%d operators, of which fusing would leave %d: put a `fuse` stage before the export", *branches
            )
        program = export_open(lambda dims: graph.export(module, source.contract, params, sizes, dims), sizes)
        found = graph.logits(program, params, graph.rows(source.contract, params, images))
        parity = Parity.of(wanted, found)
        parity.require(GRAPH_BAR if params.min_sqnr is None else min(GRAPH_BAR, params.min_sqnr), "the exported graph")
        return cls(ctx, source, contract, params, sizes, images, wanted, elsewhere, program, parity.figures())

    @property
    def bars(self) -> Bars:
        """What is asked of the package."""
        least = self.params.min_sqnr
        return Bars(BARS[self.params.precision] if least is None else least, self.params.min_agreement)

    def convert(self, package: Path) -> dict[str, Any]:
        """Make the package and check it; return figures.

        Raises:
            StageFailed: coremltools cannot convert the graph, or what it makes misses the bars.
        """
        from edgesmith_stages.coreml_export.trace import single_precision
        from edgesmith_stages.formats.coreml import op_counts
        from edgesmith_stages.formats.coreml_graph import layers

        chosen: dict[str, Any] = {}
        if self.params.precision == "mixed":
            choice, saved, found = choose(
                lambda kept, known: self.make(package, kept, known),
                self.sources,
                self.images,
                self.wanted,
                self.bars,
                self.ctx.log,
            )
            chosen = {"kept_fp32": choice.reasons, "rounds": choice.rounds}
        else:
            saved = self.make(package, () if self.params.precision == "fp16" else None)
            found = compare(self.wanted, saved.logits(self.images))
            half = self.params.precision != "fp32"
            insight = Insight(self.values, self.sources, layers(self.program), half)
            require(saved, found, self.bars, self.images, insight)
        for loss in saved.losses:  # what the answers survive: a mask's infinities
            self.ctx.log.warning("%s", loss)
        if self.params.precision != "fp32":
            chosen["underflow"] = underflows(package, self.contract, self.images[:1])
        return {
            **figures(found),
            **{f"graph_{key}": value for key, value in self.graph_figures.items()},
            "ops": sum(op_counts(saved.interpreter.package.spec).values()),
            "fp32_ops": single_precision(saved.block),
            **chosen,
        }

    def check_sizes(self, package: Path) -> dict[str, Any]:
        """Check the package at its further sizes; return figures, none where it has one size.

        Raises:
            StageFailed: at one of them it misses the bars.
        """
        if self.sizes.fixed:
            return {}
        saved, checked = SavedPackage(package, self.contract), []
        for (height, width), (images, wanted) in self.elsewhere.items():
            try:
                found = compare(wanted, saved.logits(images))
            except UserError as error:
                raise StageFailed(
                    f"at {height} x {width} the saved Core ML package does not run: {error.message}",
                    hint="leave that size out of `sizes`",
                ) from error
            if not self.bars.met(found):
                raise StageFailed(
                    f"at {height} x {width} the saved Core ML package does not compute what its model does: SQNR "
                    f"{found.parity.sqnr_db:.1f} dB, expected at least {self.bars.sqnr_db:g}; top-1 agreement "
                    f"{found.agreement:.3f}, expected at least {self.bars.agreement:g}",
                    hint="leave that size out of `sizes`, or accept the loss with a lower `min_sqnr`",
                )
            checked.append({"size": [height, width], "sqnr_db": found.parity.sqnr_db})
        return {"sizes": checked}

    def make(self, package: Path, kept: Collection[str] | None, known: Collection[str] = ()) -> SavedPackage:
        """Convert with these operations, of all that are known, in single precision (None: all); save and open."""
        shutil.rmtree(package, ignore_errors=True)
        convert(
            self.program,
            self.source.contract,
            self.sizes,
            self.params,
            package,
            half=kept is not None,
            kept=kept or (),
            known=known,
            source=self.source.digest,
        )
        return SavedPackage(package, self.contract)

    def _row(self, place: int) -> NDArray[np.float32]:
        return graph.rows(self.source.contract, self.params, self.images[place : place + 1])

    def values(self, place: int) -> Mapping[str, Any]:
        return graph.values(self.program, self._row(place))

    def sources(self, saved: SavedPackage, place: int) -> Collection[Source]:
        with one_thread():
            return sources(self.program, self.params, self._row(place), saved.block)


def _at(
    size: Size, module: Any, contract: InputContract, image: NDArray[np.uint8], seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return images of a size, one of them `image` and one noise, with the model's logits for them."""
    from PIL.Image import fromarray

    from edgesmith.conversion import first_line
    from edgesmith.parity import probe_images
    from edgesmith_stages.models.recipe import logits

    there = contract.model_copy(update={"size": size})
    pixels = image[0, :, :, 0] if contract.channels == 1 else image[0]
    images = probe_images(there, there.pixels([fromarray(pixels)]), seed, count=1)
    try:
        return images, logits(module, there, images)
    except Exception as error:  # networks refuse a size with whatever they like
        raise UserError(
            f"sizes: the model does not run at {size[0]} x {size[1]}: {first_line(error)}",
            hint="leave that size out",
        ) from error
