"""How much each block of a model suffers from int8: the `sensitivity` stage, and what it computes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import Cancelled, DatasetRef, OnnxModel, Report, Stage, TfliteModel, Toolchain
from edgesmith.sections import MOST_POINTS, Layers
from edgesmith_stages.quantize.schemes import REQUIREMENTS, base_kind

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Context, Model
    from edgesmith_stages.quantize.quantiser import Quantiser

Mode = Literal["one", "all-but-one"]


class Sensitivity(Stage):
    """Find the layers at fault: quantise one block of a model at a time, or all but one, and compare.

    A block is what a single tensor connects with the rest: a layer with its activation, a residual block, a
    transformer's attention or MLP. Each is quantised to int8 as `quantize` does, and run on held-out images against the
    float file: SQNR of the logits in dB, and the task's metric, top-1 (without labels, agreement with the float file).

    Figures: `blocks`, each with `operations`, `sqnr_db`, `drop`, the most harmful first; `int8` and `float_top1`.
    `tune-precision` takes the report, and leaves the most harmful ones in float where accuracy asks for it.
    """

    name = "sensitivity"
    inputs = {"model": TfliteModel | OnnxModel}
    outputs = {"report": Report}

    class Params(Stage.Params):
        """What to compare on, and how finely."""

        data: DatasetRef = Field(description="dataset to calibrate on (train) and to compare on (val)")
        calibration: int = Field(128, ge=1, description="calibration images, drawn by seed, stratified")
        mode: Mode = Field("one", description="quantise one block at a time, or all but one")
        blocks: int = Field(64, ge=2, description="at most so many blocks: neighbours are put together")
        images: int = Field(128, ge=1, description="images to compare on, the first of the val split")

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """The library of the input's format."""
        return Toolchain((*REQUIREMENTS[base_kind(kinds["model"][0])], "pillow"))

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Quantise each block and compare."""
        from edgesmith.calibration import load
        from edgesmith_stages.images import Images
        from edgesmith_stages.quantize.graph import blocks
        from edgesmith_stages.quantize.quantiser import quantiser_for

        source: Model = inputs["model"]
        calibration = load(ctx, params.data, source.contract, params.calibration)
        quantiser = quantiser_for(source, calibration, ctx.scratch)
        images = Images(ctx, params.data, "val", params.images)
        found = blocks(quantiser.operations, params.blocks)
        probe = Probe(source, quantiser, images.pixels(source.contract), images.labels, ctx.scratch)

        def told(done: int, total: int) -> None:
            if ctx.cancelled:
                raise Cancelled("the run was interrupted")
            ctx.progress(done, total)

        rows = probe.rank(found, params.mode, told)
        document = {
            "mode": params.mode,
            "images": images.count,
            "blocks": rows,
            "int8": probe.compare(()),
            "float_top1": probe.float_top1(),
        }
        values = {row["block"]: row["sqnr_db"] for row in rows}
        order = list(found)[:MOST_POINTS]
        section = Layers(
            title="sensitivity",
            note="one block in int8" if params.mode == "one" else "all blocks in int8 but one",
            unit="SQNR dB",
            layers=tuple(name[:400] for name in order),
            values={"SQNR": tuple(values[name] for name in order)},
        )
        text = json.dumps({**document, "sections": [section.document()]}, indent=1, sort_keys=True)
        (ctx.out("report") / "report.json").write_text(text + "\n", encoding="utf-8")
        return document


class Probe:
    """Quantises parts of a file and compares them with the whole of it.

    Args:
        source: the float file.
        quantiser: of it.
        pixels: images to compare on, uint8 [N, H, W, C].
        labels: int64 [N]; None, or -1 among them, where answers can only be compared with the float file's.
        scratch: for files.
    """

    def __init__(
        self,
        source: Model,
        quantiser: Quantiser,
        pixels: NDArray[np.uint8],
        labels: NDArray[np.int64] | None,
        scratch: Path,
    ) -> None:
        self._quantiser, self._pixels = quantiser, pixels
        self._labels = None if labels is None or labels.min() < 0 else labels
        self._folder, self._contract, self._kind = scratch / "probe", source.contract, type(source)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._expected = self._answers(source)

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
        everything = {one.name for one in self._quantiser.operations}
        rows = []
        for done, (block, names) in enumerate(blocks.items()):
            told(done, len(blocks))
            keep = everything - set(names) if mode == "one" else set(names)
            rows.append({"block": block, "operations": len(names), **self.compare(tuple(keep))})
        told(len(blocks), len(blocks))
        sign = 1 if mode == "one" else -1
        return sorted(rows, key=lambda row: (sign * row["sqnr_db"], row["block"]))

    def compare(self, keep: Sequence[str]) -> dict[str, float]:
        """Return `sqnr_db` and `drop` of the int8 file that leaves some operations in float."""
        from edgesmith.parity import sqnr_db

        made = self._kind(self._folder)
        self._quantiser.write("int8", keep, made.file)
        answers = self._answers(made)
        return {"sqnr_db": round(sqnr_db(self._expected, answers), 3), "drop": round(self._drop(answers), 6)}

    def float_top1(self) -> float | None:
        """Top-1 of the float file; None without labels."""
        if self._labels is None:
            return None
        return float((self._expected.argmax(axis=1) == self._labels).mean())

    def _drop(self, answers: NDArray[np.float32]) -> float:
        given, expected = answers.argmax(axis=1), self._expected.argmax(axis=1)
        if self._labels is None:
            return float((given != expected).mean())
        return float((expected == self._labels).mean() - (given == self._labels).mean())

    def _answers(self, model: Model) -> NDArray[np.float32]:
        from edgesmith.parity import outputs_of
        from edgesmith_stages.runtimes.litert import LiteRT
        from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

        runtime = LiteRT() if issubclass(self._kind, TfliteModel) else OnnxRuntime()
        runtime.load(model, threads=1)
        return outputs_of(runtime, self._contract, self._pixels, batch=self._contract.batch or 1)
