"""Export a torch model to a Core ML ML Program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import CoreMLModel, InputContract, Stage, TorchModel, UserError, carry
from edgesmith_stages.coreml_export.sizes import Range, Side
from edgesmith_stages.quantize.torch_pt2e.artifact import refuse
from edgesmith_stages.runtimes.torch_runtime import REQUIREMENTS

if TYPE_CHECKING:
    from edgesmith import Context, Dataset

COREMLTOOLS = ("coremltools>=9.0,<9.1",)


class ExportCoreML(Stage):
    """Export a torch model to a Core ML package: an image input with the normalisation folded in, class labels.

    The saved package is run by edgesmith's reference runtime and compared with the model, at every size that it
    takes. That says what the program computes; an Apple device rounds in its own way.

    Figures: `sqnr_db`, `rel_l2`, `agreement` of the package as the reference runtime runs it, and `graph_*`, the same
    of the graph it was converted from, run by torch; `ops`, `fp32_ops` (operators that give single precision),
    `kept_fp32` (mixed precision: which ones were chosen, and why), `underflow` (halves: operations that round numbers
    to zero), `sizes` (each with its SQNR), `bytes`.
    """

    name, version = "export-coreml", "2"
    inputs = {"model": TorchModel}
    outputs = {"model": CoreMLModel}
    requirements = (*REQUIREMENTS, *COREMLTOOLS)

    class Params(Stage.Params):
        """Params of `export-coreml`."""

        target: Literal["iOS15", "iOS16", "iOS17", "iOS18"] = Field("iOS17", description="oldest system to run on")
        precision: Literal["fp16", "fp32", "mixed"] = Field(
            "fp16", description="of weights and arithmetic; `mixed` keeps in fp32 what halves would spoil"
        )
        image_input: bool = Field(True, description="take an image (CVPixelBuffer), not a normalised array")
        labels: bool = Field(True, description="make a classifier: class names and probabilities")
        sizes: tuple[Side | tuple[Side, Side], ...] | Range = Field(
            (), description="further sizes to take: a list of sides or [height, width], or {min: side, max: side}"
        )
        author: str = Field("", description="metadata")
        license: str = Field("", description="metadata")
        version: str = Field("", description="metadata")
        description: str = Field("", description="metadata")
        min_sqnr: float | None = Field(
            None,
            description="fail under this SQNR of the package, in dB (by default 60 for fp32, 40 for fp16 and mixed)",
        )
        min_agreement: float = Field(
            1.0, ge=0, le=1, description="fail under this share of equal top-1 answers, where the model's is no tie"
        )

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse models that are quantised."""
        refuse(kinds["model"][0], "`export-coreml`", "export the float model, and compress it with `quantize`")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Export, fold the normalisation, convert, normalise the package, check what was saved."""
        from edgesmith_stages.coreml_export.job import Job

        source, out = inputs["model"], ctx.out("model")
        contract = file_contract(source.contract, params)
        job = Job.prepare(ctx, source, contract, params)
        ctx.progress(1, 3)
        made = CoreMLModel(out)
        figures = job.convert(made.file)
        ctx.progress(2, 3)
        carry(source, out, contract)
        figures |= job.check_sizes(made.file)
        ctx.progress(3, 3)
        return {**figures, "bytes": made.bytes()}


def file_contract(source: InputContract, params: Any) -> InputContract:
    """Return the package's input contract; raise UserError where the model has no class names for labels."""
    if params.labels and (not source.classes or len(set(source.classes)) < len(source.classes)):
        found = "repeats a class name" if source.classes else "names no classes"
        raise UserError(f"the model's input contract {found}, which a classifier needs", hint="set `labels: false`")
    changes: dict[str, Any] = {"batch": 1, "output": "probabilities" if params.labels else "logits"}
    if params.image_input:
        changes |= {"layout": "NHWC", "dtype": "uint8", "normalised_by": "model"}
    return source.model_copy(update=changes)
