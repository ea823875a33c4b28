"""Export a torch model to TFLite."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import Stage, TfliteModel, Toolchain, TorchModel, carry
from edgesmith_stages.runtimes.torch_runtime import REQUIREMENTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from edgesmith import Context

LITERT_TORCH = ("litert-torch>=0.10,<0.11", "torch>=2.14,<2.15", "pydantic>=2.10", "pluggy>=1.5")
"""litert-torch 0.10 needs an older typing-extensions than Prefect does: an environment of its own."""

RESOLVED = "2026-11-15"
"""The date as of which that environment is resolved: litert-torch leaves most of its requirements open."""


class ExportTflite(Stage):
    """Export a torch model to a TFLite flatbuffer with litert-torch, and check it with LiteRT.

    Figures: `sqnr_db`, `rel_l2` and `agreement` against the torch model on its golden images and on noise;
    `ops`, `bytes`.
    """

    name = "export-tflite"
    inputs = {"model": TorchModel}
    outputs = {"model": TfliteModel}
    requirements = (*REQUIREMENTS, *LITERT_TORCH)

    class Params(Stage.Params):
        """Params of `export-tflite`."""

        layout: Literal["NHWC", "NCHW"] = Field("NHWC", description="layout of the file's input; phones give NHWC")
        min_sqnr: float = Field(60, description="fail under this SQNR against the torch model, in dB")

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """litert-torch's own environment."""
        return Toolchain(cls.requirements, exclude_newer=RESOLVED)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Convert, shorten names, write, check; raise StageFailed if a step fails."""
        from edgesmith_stages.formats.tflite import op_names, read, shorten_names, write
        from edgesmith_stages.models.recipe import build, logits
        from edgesmith_stages.parity import Parity, outputs_of, probe_images
        from edgesmith_stages.runtimes.litert import LiteRT

        source, out = inputs["model"], ctx.out("model")
        contract = source.contract.model_copy(update={"batch": 1, "layout": params.layout})
        module = build(source.path)
        images = probe_images(contract, source.golden()[0], ctx.seed)
        ctx.progress(0, 2)
        made = TfliteModel(out)
        _convert(module, contract.feed(images[:1]), params.layout).export(str(made.file))
        model = read(made.file.read_bytes())
        shorten_names(model)
        write(model, made.file)
        carry(source, out, contract)
        ctx.progress(1, 2)
        runtime = LiteRT()
        runtime.load(made, threads=1)
        parity = Parity.of(logits(module, source.contract, images), outputs_of(runtime, contract, images, batch=1))
        parity.require(params.min_sqnr, "the TFLite file")
        ctx.progress(2, 2, sqnr_db=parity.sqnr_db)
        return {**parity.figures(), "ops": len(op_names(model)), "bytes": made.bytes()}


def _convert(module: nn.Module, example: NDArray[np.generic], layout: str) -> Any:
    # Its progress lines carry terminal colours; the stage tells its own progress.
    os.environ.setdefault("LITERT_TORCH_SHOW_PROGRESS", "n")
    import torch

    from edgesmith_stages.conversion import converting

    hint = "replace that operator in the model, or take the ONNX export, which covers more"
    with converting("litert-torch", "a TFLite model", hint):
        import litert_torch

        wrapped = litert_torch.to_channel_last_io(module, args=[0]) if layout == "NHWC" else module
        return litert_torch.convert(wrapped.eval(), (torch.from_numpy(example),))
