"""The stage `export-openvino`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import OnnxModel, Stage, carry
from edgesmith_openvino.backend import OPENVINO
from edgesmith_openvino.model import OpenVinoModel

if TYPE_CHECKING:
    from edgesmith import Context

LEAST_SQNR = {"fp32": 50.0, "fp16": 30.0}
"""Decibels. The CPU device's fused kernels leave 60 of MobileViT-XXS in float32, where its others leave 124; weights in
float16 leave 54 to 59 of well-trained models, 39 of a MobileNetV2 after six epochs from scratch."""

DYNAMIC_BATCH = 3
"""The second batch size that a file with an open batch is checked at."""


class ExportOpenVino(Stage):
    """Convert an ONNX model to OpenVINO IR, and check it with OpenVINO against the ONNX file in its own runtime.

    Figures: `sqnr_db`, `rel_l2` and `agreement` on the golden images and on noise; `ops`, `bytes`.
    """

    name, version = "export-openvino", "1"
    inputs = {"model": OnnxModel}
    outputs = {"model": OpenVinoModel}
    requirements = OPENVINO
    runs_models = True

    class Params(Stage.Params):
        """Params of `export-openvino`."""

        precision: Literal["fp32", "fp16"] = Field("fp32", description="of the weights in the file")
        min_sqnr: float | None = Field(
            None, description="fail under this SQNR against the ONNX file, in dB; by default 50, with fp16 30"
        )

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Convert, write, check; raise StageFailed if a step fails."""
        from edgesmith import Parity, converting, probe_images
        from edgesmith_openvino.backend import gist, openvino
        from edgesmith_openvino.ir import save, types

        source, made = inputs["model"], OpenVinoModel(ctx.out("model"))
        ctx.progress(0, 2)
        hint = "replace that operator in the model, or export another opset"
        with converting("OpenVINO", "an OpenVINO model", hint, telling=gist):
            model = openvino().convert_model(source.file)
            save(model, made.xml, half=params.precision == "fp16")
        carry(source, made.path)
        ctx.progress(1, 2)
        images = probe_images(source.contract, source.golden()[0], ctx.seed)
        with ctx.open(source) as before, ctx.open(made) as after:
            wanted = before.predict(images)
            sizes = (1,) if source.contract.batch else (1, DYNAMIC_BATCH)
            results = [Parity.of(wanted, after.predict(images, batch=size)) for size in sizes]
        worst = min(results, key=lambda one: one.sqnr_db)
        bar = LEAST_SQNR[params.precision] if params.min_sqnr is None else params.min_sqnr
        worst.require(bar, "the OpenVINO file")
        ctx.progress(2, 2, sqnr_db=worst.sqnr_db)
        return {**worst.figures(), "ops": len(types(model)), "bytes": made.bytes()}
