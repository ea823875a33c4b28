"""How much each block of a model suffers from int8: the `sensitivity` stage, and what it computes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import (
    Cancelled,
    CoreMLModel,
    DatasetRef,
    Model,
    OnnxModel,
    Report,
    Stage,
    StageFailed,
    TfliteModel,
    Toolchain,
    UserError,
)
from edgesmith.sections import MOST_POINTS, Layers
from edgesmith_stages.quantize.schemes import REQUIREMENTS, base_kind

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Context, Dataset
    from edgesmith_stages.quantize.quantiser import Quantiser

Mode = Literal["one", "all-but-one"]
BlockScheme = Literal["int8", "linear-int8", "linear-int4", "palettize-6", "palettize-4", "palettize-3", "palettize-2"]


class Sensitivity(Stage):
    """Find the layers at fault: quantise one block of a model at a time, or all but one, and compare.

    A block is what a single tensor connects with the rest: a layer with its activation, a residual block, a
    transformer's attention or MLP. Each is quantised to int8 as `quantize` does, and run on held-out images against the
    float file: SQNR of the logits in dB, and the task's metric, top-1 (without labels, agreement with the float file).
    Of a Core ML package the weights alone are compressed, by the `scheme` asked for.

    Figures: `blocks`, each with `operations`, `sqnr_db`, `drop`, the most harmful first; under the scheme's name
    (`int8`) those of the whole file; `float_top1`. For ONNX and TFLite `tune-precision` takes the report, and leaves
    the most harmful ones in float where accuracy asks for it.
    """

    name = "sensitivity"
    inputs = {"model": TfliteModel | OnnxModel | CoreMLModel}
    outputs = {"report": Report}

    class Params(Stage.Params):
        """What to compare on, and how finely."""

        data: DatasetRef = Field(description="dataset to calibrate on (train) and to compare on (val)")
        calibration: int = Field(128, ge=1, description="calibration images, drawn by seed, stratified")
        scheme: BlockScheme | None = Field(
            None, description="by default int8, and for Core ML, which has the others, palettize-4"
        )
        mode: Mode = Field("one", description="quantise one block at a time, or all but one")
        blocks: int = Field(64, ge=2, description="at most so many blocks: neighbours are put together")
        images: int = Field(128, ge=1, description="images of the val split to compare on, drawn by seed, stratified")

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """The library of the input's format."""
        return Toolchain((*REQUIREMENTS[base_kind(kinds["model"][0])], "pillow"))

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse schemes that blocks of the format can't have."""
        kind = base_kind(kinds["model"][0])
        if params.scheme is not None and (params.scheme != "int8") != (kind is CoreMLModel):
            raise UserError(
                f"`scheme: {params.scheme}` is not for blocks of a {kind.kind} model",
                hint=f"leave it out: {_scheme(params, kind)} is taken",
            )

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Quantise each block and compare."""
        from edgesmith.calibration import load
        from edgesmith_stages.answers import right_outputs
        from edgesmith_stages.images import Images
        from edgesmith_stages.quantize.coreml.quantiser import CoreMLQuantiser
        from edgesmith_stages.quantize.graph import blocks
        from edgesmith_stages.quantize.quantiser import quantiser_for

        source: Model = inputs["model"]
        images = Images(ctx, params.data, "val", params.images)
        right = right_outputs(images, source.contract)
        pixels = images.pixels(source.contract)
        calibration = None
        if not isinstance(source, CoreMLModel):
            calibration = load(ctx, params.data, source.contract, params.calibration)
        quantiser = quantiser_for(source, calibration, ctx.scratch)
        scheme = _scheme(params, base_kind(type(source)))
        if isinstance(quantiser, CoreMLQuantiser):
            quantiser.refuse(scheme)
        if not any(one.quantisable for one in quantiser.operations):
            raise StageFailed("the model has no operation to quantise", hint="leave this node out")
        found = blocks(quantiser.operations, params.blocks)
        probe = Probe(source, quantiser, pixels, right, ctx.scratch, scheme)

        def told(done: int, total: int) -> None:
            if ctx.cancelled:
                raise Cancelled("the run was interrupted")
            ctx.progress(done, total)

        rows = probe.rank(found, params.mode, told)
        document = {
            "mode": params.mode,
            "images": images.count,
            "blocks": rows,
            scheme: probe.compare(()),
            "float_top1": probe.float_top1(),
        }
        values = {row["block"]: row["sqnr_db"] for row in rows}
        order = list(found)[:MOST_POINTS]
        section = Layers(
            title="sensitivity",
            note=f"one block in {scheme}" if params.mode == "one" else f"all blocks in {scheme} but one",
            unit="SQNR dB",
            layers=tuple(name[:400] for name in order),
            values={"SQNR": tuple(values[name] for name in order)},
        )
        text = json.dumps({**document, "sections": [section.document()]}, indent=1, sort_keys=True)
        (ctx.out("report") / "report.json").write_text(text + "\n", encoding="utf-8")
        return document


def _scheme(params: Any, kind: type[Model]) -> str:
    return params.scheme or ("palettize-4" if kind is CoreMLModel else "int8")


class Probe:
    """Quantises parts of a file and compares them with the whole of it.

    Args:
        source: the float file.
        quantiser: of it.
        pixels: images to compare on, uint8 [N, H, W, C].
        labels: the right outputs, int64 [N]; None, or -1 among them, where answers can only be compared with the float
            file's.
        scratch: for files.
        scheme: what parts are quantised to.
    """

    def __init__(
        self,
        source: Model,
        quantiser: Quantiser,
        pixels: NDArray[np.uint8],
        labels: NDArray[np.int64] | None,
        scratch: Path,
        scheme: str = "int8",
    ) -> None:
        self._labels = None if labels is None or labels.min() < 0 else labels
        self._names = frozenset(one.name for one in quantiser.operations)
        self._run = _runs(source, quantiser, pixels, scratch / "probe", scheme)
        self._expected = self._run(None)

    def rank(
        self,
        blocks: Mapping[str, Sequence[str]],
        mode: Mode,
        told: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[dict[str, Any]]:
        """Return one row a block, the most harmful first.

        Args:
            blocks: names of operations by block.
            mode: quantise one at a time, or all but one.
            told: called with how many are done.
        """
        rows = []
        for done, (block, names) in enumerate(blocks.items()):
            told(done, len(blocks))
            keep = self._names - set(names) if mode == "one" else set(names)
            rows.append({"block": block, "operations": len(names), **self.compare(tuple(keep))})
        told(len(blocks), len(blocks))
        sign = 1 if mode == "one" else -1
        return sorted(rows, key=lambda row: (sign * row["sqnr_db"], row["block"]))

    def compare(self, keep: Sequence[str]) -> dict[str, float]:
        """Return `sqnr_db` and `drop` of the quantised file that leaves some operations in float."""
        from edgesmith.parity import sqnr_db
        from edgesmith_stages.quantize.parity import lost

        answers = self._run(keep)
        drop = lost(self._expected.argmax(axis=1), answers.argmax(axis=1), self._labels)
        return {"sqnr_db": round(sqnr_db(self._expected, answers), 3), "drop": round(drop, 6)}

    def float_top1(self) -> float | None:
        """Top-1 of the float file; None without labels."""
        if self._labels is None:
            return None
        return float((self._expected.argmax(axis=1) == self._labels).mean())


Run = Callable[[Collection[str] | None], "NDArray[np.float32]"]
"""Runs the quantised file that leaves these operations in float, or, for None, the float file: logits [N, classes]."""


def _runs(source: Model, quantiser: Quantiser, pixels: NDArray[np.uint8], folder: Path, scheme: str) -> Run:
    """Return what runs a file on images, and the same file with parts of it quantised."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(source, CoreMLModel):
        from edgesmith_stages.quantize.coreml.quantiser import CoreMLQuantiser
        from edgesmith_stages.quantize.coreml.swapped import Swapped

        assert isinstance(quantiser, CoreMLQuantiser), quantiser
        swapped, names = Swapped(source, quantiser, (scheme,), folder), quantiser.compressible

        def swap(keep: Collection[str] | None) -> NDArray[np.float32]:
            chosen = () if keep is None else (name for name in names if name not in keep)
            return swapped.logits(dict.fromkeys(chosen, scheme), pixels)

        return swap

    from edgesmith.parity import outputs_of
    from edgesmith_stages.runtimes.litert import LiteRT
    from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

    def write(keep: Collection[str] | None) -> NDArray[np.float32]:
        model = source
        if keep is not None:
            model = type(source)(folder)
            quantiser.write(scheme, keep, model.file)
        runtime = LiteRT() if isinstance(source, TfliteModel) else OnnxRuntime()
        runtime.load(model, threads=1)
        return outputs_of(runtime, source.contract, pixels, batch=source.contract.batch or 1)

    return write
