"""torch to TFLite with litert-torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import Toolchain
from edgesmith_stages.runtimes.torch_runtime import REQUIREMENTS

if TYPE_CHECKING:
    from edgesmith import TorchModel
    from edgesmith_stages.tflite_backends.request import Request

TOOLCHAIN = Toolchain(
    (*REQUIREMENTS, "litert-torch>=0.10,<0.11", "torch>=2.14,<2.15", "pydantic>=2.10", "pluggy>=1.5"),
    exclude_newer="2026-11-15",
)
"""litert-torch 0.10 needs an older typing-extensions than Prefect does, so this is an environment of its own; it is
resolved as of a date, since litert-torch leaves most of its requirements open."""


class LitertTorch:
    """litert-torch, in this process if it is in this environment, else in its own."""

    name = "litert-torch"
    toolchain = TOOLCHAIN
    tools = {"litert-torch": TOOLCHAIN}

    def export(self, request: Request, *, apart: bool) -> None:
        """Write `request.file`; `apart`: in a process of litert-torch's environment."""
        source, layout = request.source, request.contract.layout
        if apart:
            tool = request.ctx.tool(self.name)
            tool.call(convert, model=str(source.path), file=str(request.file), layout=layout)
        else:
            convert(str(source.path), str(request.file), layout)


def convert(model: str, file: str, layout: str) -> None:
    """Write the TFLite file of a torch artifact.

    Args:
        model: the artifact's folder.
        file: where to write.
        layout: of the file's input, `NHWC` or `NCHW`.
    """
    # Its progress lines carry terminal colours; the stage tells its own progress.
    os.environ.setdefault("LITERT_TORCH_SHOW_PROGRESS", "n")
    import torch

    from edgesmith import TorchModel
    from edgesmith.conversion import converting
    from edgesmith_stages.models.recipe import build
    from edgesmith_stages.tflite_backends.lowering import lowered

    source = TorchModel(Path(model))
    pixels = source.golden()[0][:1]
    module = lowered(build(source.path), torch.from_numpy(source.contract.normalise(pixels)))
    contract = source.contract.model_copy(update={"layout": layout})
    example = torch.from_numpy(contract.feed(pixels))
    hint = "replace that operator in the model, try `backend: tensorflow`, or take the ONNX export, which covers more"
    with converting("litert-torch", "a TFLite model", hint):
        import litert_torch

        wrapped = litert_torch.to_channel_last_io(module, args=[0]) if layout == "NHWC" else module
        config = _integer_kernels() if _quantised(source) else None
        litert_torch.convert(wrapped.eval(), (example,), quant_config=config).export(file)


def _quantised(source: TorchModel) -> bool:
    from edgesmith_stages.models.recipe import Recipe

    return any(change.op == "quantize-pt2e" for change in Recipe.read(source.path).changes)


def _integer_kernels() -> Any:
    """Return what has the converter merge quantise and dequantise operators into int8 ones, which it else leaves."""
    from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
    from litert_torch.quantize.quant_config import QuantConfig

    # The graph is quantised already: of its quantiser, the converter asks only whether ranges are static.
    return QuantConfig(pt2e_quantizer=PT2EQuantizer().set_global(get_symmetric_quantization_config()))
