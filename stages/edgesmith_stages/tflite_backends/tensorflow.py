"""torch to ONNX to TensorFlow to TFLite: what litert-torch refuses often goes this way, at ten times the time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import Toolchain
from edgesmith_stages.runtimes.torch_runtime import REQUIREMENTS
from edgesmith_stages.tflite_backends.onnx_to_tflite import convert

if TYPE_CHECKING:
    from edgesmith_stages.tflite_backends.request import Request

TOOL = "onnx2tf"
ONNX2TF = Toolchain(("onnx2tf==1.29.24", "tensorflow==2.19.*"), exclude_newer="2026-11-15")
"""onnx2tf pins numpy, onnx, onnxruntime and more to one version each. 1.29.24 is its last for Python 3.11."""

INPUT, OUTPUT = "image", "logits"
OPSET = 18
"""The newest ONNX operator set that this onnx2tf was written against."""


class TensorFlow:
    """torch.onnx in this process, onnx2tf and TensorFlow's converter in their own environment."""

    name = "tensorflow"
    toolchain = Toolchain((*REQUIREMENTS, "onnx>=1.20", "onnxscript>=0.7", "onnxslim>=0.1.90", "ai-edge-litert>=2.3"))
    tools = {TOOL: ONNX2TF}

    def export(self, request: Request, *, apart: bool) -> None:
        """Write `request.file`; the conversion is always a process of its own, whatever `apart` says."""
        import numpy as np

        contract = request.contract
        with tempfile.TemporaryDirectory(prefix="edgesmith-") as work:
            onnx = Path(work, "model.onnx")
            _to_onnx(request, onnx)
            samples = None
            if request.calibration is not None:
                samples = Path(work, "samples.npy")
                np.save(samples, contract.feed(request.calibration), allow_pickle=False)
            request.ctx.tool(TOOL).call(
                convert,
                onnx=str(onnx),
                file=str(request.file),
                layout=contract.layout,
                scheme=request.scheme,
                samples=None if samples is None else str(samples),
            )


def _to_onnx(request: Request, file: Path) -> None:
    """Write the model as ONNX for one image, simplified."""
    import torch

    from edgesmith.conversion import converting
    from edgesmith_stages.models.recipe import build

    source = request.source
    example = torch.from_numpy(source.contract.normalise(source.golden()[0][:1]))
    with converting("torch.onnx.export", "an ONNX model", "replace that operator in the model"):
        import onnx
        import onnxslim

        program: Any = torch.onnx.export(
            build(source.path),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            external_data=False,
            verbose=False,
        )
        onnx.save(onnxslim.slim(program.model_proto), str(file))
