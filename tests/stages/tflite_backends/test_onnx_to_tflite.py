"""What onnx2tf refuses, in its own environment."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from edgesmith import StageFailed, Tool
from edgesmith_flows.toolchains import Toolchains
from edgesmith_stages.tflite_backends.onnx_to_tflite import convert
from edgesmith_stages.tflite_backends.tensorflow import ONNX2TF


@pytest.mark.slow
def test_an_operator_that_it_does_not_know_is_told_in_its_words(tmp_path: Path) -> None:
    """It prints why, and leaves the process."""
    image, logits = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 4, 4]) for n in ("image", "logits"))
    node = helper.make_node("Frobnicate", ["image"], ["logits"], domain="acme")
    graph = helper.make_graph([node], "odd", [image], [logits])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("acme", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), tmp_path / "odd.onnx")
    tool = Tool("onnx2tf", Toolchains().build(ONNX2TF).python)
    with pytest.raises(StageFailed, match=r"onnx2tf could not make a TensorFlow model: .*Frobnicate"):
        tool.call(
            convert,
            onnx=str(tmp_path / "odd.onnx"),
            file=str(tmp_path / "odd.tflite"),
            layout="NHWC",
            scheme="float",
            samples=None,
        )
