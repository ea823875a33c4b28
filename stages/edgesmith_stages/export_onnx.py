"""Export a torch model to ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgesmith import OnnxModel, Stage, Toolchain, TorchModel, carry
from edgesmith_stages.quantize.torch_pt2e.artifact import RESOLVED, TORCHAO, QuantizedTorchModel
from edgesmith_stages.runtimes.torch_runtime import REQUIREMENTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from edgesmith import Context

INPUT, OUTPUT = "image", "logits"
DYNAMIC_BATCH = 3
"""The second batch size that a file with an open batch is checked at."""

BARS = {False: 60.0, True: 15.0}
"""Decibels that a float and a quantised model must keep by default. Kernels sum in another order: in float that is
noise, and in int8 now and then a step."""


class ExportOnnx(Stage):
    """Export a torch model to ONNX through torch.export, simplify it, and check it with ONNX Runtime.

    A quantised model (`torch-int8`) becomes an int8 file, QDQ with uint8 activations, with its own ranges.

    Figures: `sqnr_db`, `rel_l2` and `agreement` against the torch model on its golden images and (but for int8) on
    noise; `opset`, `nodes`, `bytes`.
    """

    name = "export-onnx"
    inputs = {"model": TorchModel}
    outputs = {"model": OnnxModel}
    requirements = (*REQUIREMENTS, "onnx>=1.20", "onnxscript>=0.7", "onnxslim>=0.1.90", "onnxruntime>=1.24")

    class Params(Stage.Params):
        """Params of `export-onnx`."""

        opset: int = Field(20, ge=18, le=23, description="ONNX operator set of the file")
        dynamic_batch: bool = Field(False, description="leave the batch size open, instead of one image")
        slim: bool = Field(True, description="simplify with onnxslim: fold constants, merge operators, drop metadata")
        min_sqnr: float | None = Field(
            None, description="fail under this SQNR against the torch model, in dB [default: 60; 15 for int8]"
        )

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """With torchao for a quantised model."""
        if any(issubclass(kind, QuantizedTorchModel) for kind in kinds.get("model", ())):
            return Toolchain((*cls.requirements, *TORCHAO), exclude_newer=RESOLVED)
        return Toolchain(cls.requirements)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Export, simplify, write, check; raise StageFailed if a step fails."""
        import onnx

        from edgesmith.parity import Parity, outputs_of, probe_images
        from edgesmith_stages.formats.onnx import save
        from edgesmith_stages.models.recipe import build, logits
        from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

        source, out = inputs["model"], ctx.out("model")
        contract = source.contract.model_copy(update={"batch": None if params.dynamic_batch else 1})
        module = build(source.path)
        quantised = isinstance(source, QuantizedTorchModel)
        # Noise lies outside of the ranges of an int8 model, which clips it.
        images = probe_images(contract, source.golden()[0], ctx.seed, count=0 if quantised else 3)
        ctx.progress(0, 3)
        if quantised:
            from edgesmith_stages.quantize.torch_pt2e.graph import fold_weights

            fold_weights(module)
        model = _export(module, source.contract.normalise(images), params)
        if params.slim:
            model = _slim(model)
        if quantised:
            from edgesmith_stages.quantize.torch_pt2e.onnx_unsigned import to_unsigned

            to_unsigned(model)
        ctx.progress(1, 3)
        made = OnnxModel(out)
        save(model, made.file)
        onnx.checker.check_model(str(made.file), full_check=True)
        carry(source, out, contract)
        ctx.progress(2, 3)
        runtime = OnnxRuntime()
        runtime.load(made, threads=1)
        wanted = logits(module, source.contract, images)
        results = []
        for batch in (1, DYNAMIC_BATCH) if params.dynamic_batch else (1,):
            found = outputs_of(runtime, contract, images, batch)
            results.append(Parity.of(wanted[: len(found)], found))
        worst = min(results, key=lambda one: one.sqnr_db)
        worst.require(BARS[quantised] if params.min_sqnr is None else params.min_sqnr, "the ONNX file")
        ctx.progress(3, 3, sqnr_db=worst.sqnr_db)
        return {**worst.figures(), "opset": params.opset, "nodes": len(model.graph.node), "bytes": made.bytes()}


def _export(module: nn.Module, example: NDArray[np.float32], params: Any) -> Any:
    import torch

    from edgesmith.conversion import converting

    # An example of one image would make torch.export take the batch for a constant.
    rows = 2 if params.dynamic_batch else 1
    shapes = ({0: torch.export.Dim("batch", min=1)},) if params.dynamic_batch else None
    with converting("torch.onnx.export", "an ONNX model", "try another `opset`, or replace that operator in the model"):
        program = torch.onnx.export(
            module,
            (torch.from_numpy(example[:rows]),),
            dynamo=True,
            opset_version=params.opset,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=shapes,
            external_data=False,
            verbose=False,
        )
    return program.model_proto


def _slim(model: Any) -> Any:
    import onnxslim

    from edgesmith.conversion import converting

    with converting("onnxslim", "a simpler ONNX model", "set `slim: false`"):
        return onnxslim.slim(model)
