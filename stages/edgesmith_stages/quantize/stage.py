"""The `quantize` stage: smaller, maybe faster, files of the same format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgesmith import (
    CoreMLModel,
    OnnxModel,
    Report,
    Stage,
    TfliteModel,
    Toolchain,
    TorchModel,
    UserError,
    carry,
    like,
    optional,
)
from edgesmith.calibration import too_many
from edgesmith.errors import unknown
from edgesmith_stages.quantize.assigned import assigned
from edgesmith_stages.quantize.assignment import Assignment
from edgesmith_stages.quantize.options import refuse
from edgesmith_stages.quantize.params import CompressionParams
from edgesmith_stages.quantize.schemes import METHODS, REQUIREMENTS, SCHEMES, base_kind, calibrated
from edgesmith_stages.quantize.told import left_in_float
from edgesmith_stages.quantize.torch_pt2e.artifact import RESOLVED, QuantizedTorchModel
from edgesmith_stages.quantize.torch_pt2e.artifact import refuse as refuse_quantized

if TYPE_CHECKING:
    from edgesmith import Context, Dataset


class Quantize(Stage):
    """Quantise or compress a model file; the format stays.

    TFLite: `int8` (static, with calibration images), `dynamic-int8`, `weight-int8`, `fp16`. ONNX: `int8` (static QDQ,
    per channel), `dynamic-int8`, `fp16` (weights and arithmetic, but for what halves would spoil). Core ML: `int8`
    (weights and activations, with calibration images, iOS17); weights only: `linear-int8`, `linear-uint8`,
    `linear-int4`, `linear-uint4` (iOS18), `palettize-N`, `palettize-unique`, `sparse`, and joint forms: a pruning
    option beside another scheme. A torch model: `int8` by PT2E (torchao), which the exports carry on to ONNX and TFLite
    without calibrating again.

    With `scheme: auto`, a file is quantised as the `assignment` of `tune-precision` says; the figures `assigned` and
    `kept` tell the scheme, and what stays in float and why; for Core ML `forms` how many weights have which.

    Figures: `bytes`, `ratio` to the input's bytes; `sqnr_db`, `rel_l2` and `agreement` on the golden images against the
    input file (Core ML: both saved packages run by the reference runtime, logits compared); for Core ML
    `compressed_weights`, `skipped_weights`, `weight_sqnr_db`, and with calibration `quantized_activations`;
    with `bias_correction`, `bias_corrected` (layers), `bias_sqnr_db_before` and `bias_sqnr_db`,
    `bias_agreement_before` and `bias_agreement` (on the calibration images), `bias_kept` (whether neither got worse:
    else the file is as it was without);
    for ONNX in fp16 `ops`, `kept_fp32` (those in single precision, and why), `half_sqnr_db` (each half result rounded).
    """

    name = "quantize"
    inputs = {"model": TfliteModel | OnnxModel | CoreMLModel | TorchModel, "assignment": optional(Report)}
    outputs = {"model": like("model", turning={TorchModel: QuantizedTorchModel})}

    class Params(CompressionParams):
        """Params of `quantize`."""

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """The library of the input's format."""
        kind = base_kind(kinds["model"][0])
        return Toolchain(REQUIREMENTS[kind], exclude_newer=RESOLVED if kind is TorchModel else None)

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse schemes and methods that the format doesn't have, and calibration without enough images."""
        refuse_quantized(kinds["model"][0], "`quantize`", "quantise the float model, or export this one")
        kind = base_kind(kinds["model"][0])
        if params.backend and kind is not TorchModel:
            raise UserError(f"`backend` is for torch models, and this is a {kind.kind} model", hint="leave it out")
        if not assigned(params, kind, kinds) and params.scheme not in SCHEMES[kind]:
            raise UserError(unknown(f"scheme for a {kind.kind} model", params.scheme, SCHEMES[kind]))
        refuse(params, kind.kind)
        if not calibrated(params) or (kind is CoreMLModel and params.scheme == "auto"):
            return
        if params.calibration_method not in METHODS[kind]:
            what = f"calibration_method for a {kind.kind} model"
            raise UserError(unknown(what, params.calibration_method, METHODS[kind]))
        if params.data is None:
            without = {CoreMLModel: "linear-int8", TorchModel: None}.get(kind, "dynamic-int8")
            raise UserError(
                f"scheme {params.scheme!r} needs calibration images, and no `data` is given",
                hint="name a dataset" + (f", or take a scheme without calibration: {without}" if without else ""),
            )
        count = datasets["data"].count("train") if "data" in datasets else None
        if count is not None and params.calibration > count:
            raise too_many(params.calibration, count, params.data.name)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Quantise, write, and compare with the input file."""
        from edgesmith_stages.quantize.parity import compare

        source, out = inputs["model"], ctx.out("model")
        kind = base_kind(type(source))
        made: Any = QuantizedTorchModel(out) if kind is TorchModel else type(source)(out)
        assignment = Assignment.read(inputs["assignment"]) if inputs.get("assignment") else None
        images: Any = None
        if calibrated(params) if assignment is None else assignment.scheme == "int8":
            from edgesmith.calibration import load

            ctx.progress(0, 3, doing="calibration images")
            images = load(ctx, params.data, source.contract, params.calibration)
        ctx.progress(1, 3, doing=params.scheme)
        if assignment is not None:
            from edgesmith_stages.quantize.assigned import quantize_assigned

            figures = quantize_assigned(source, made, assignment, params, images, ctx.scratch)
        elif kind is CoreMLModel:
            from edgesmith_stages.quantize.coreml.compress import compress

            figures = compress(source, made, params, images)
        elif kind is OnnxModel and params.scheme == "fp16":
            from edgesmith_stages.quantize.onnx_half import halve_onnx

            figures = halve_onnx(source, made, params, source.golden()[0], ctx.scratch)
        elif kind is OnnxModel:
            from edgesmith_stages.quantize.onnx import quantize_onnx

            figures = quantize_onnx(source, made, params, images, ctx.scratch)
        elif kind is TorchModel:
            from edgesmith_stages.quantize.torch_pt2e.static import quantize_torch

            figures = quantize_torch(ctx, source, made, params, images)
        else:
            from edgesmith_stages.quantize.tflite import quantize_tflite

            figures = quantize_tflite(source, made, params, images)
        carry(source, out)
        if params.bias_correction and images is not None:
            from edgesmith_stages.quantize.bias_correction.files import correct_biases

            ctx.progress(2, 3, doing="bias correction")
            figures.update(correct_biases(source, made, images, ctx.scratch))
        ctx.progress(2, 3)
        figures.update(compare(ctx, source, made, params))
        ctx.progress(3, 3)
        if images is not None:
            figures["calibration_images"] = len(images)
        if shown := left_in_float(figures):
            figures["sections"] = shown
        return {**figures, "bytes": made.bytes(), "ratio": made.bytes() / source.bytes()}
