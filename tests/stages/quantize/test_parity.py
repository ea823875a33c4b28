"""What is said of a quantised file that its runtime can't run."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import helper

from edgesmith import OnnxModel, StageFailed, carry
from edgesmith.testing import LocalContext
from edgesmith_stages.quantize.parity import compare
from edgesmith_stages.quantize.stage import Quantize

from .onnx_graphs import artifact


def test_a_file_that_does_not_run_is_one_message_with_what_to_do(tmp_path: Path) -> None:
    """ONNX Runtime's own error names the node; the hint says how to leave it out."""
    nodes = [
        helper.make_node("Constant", [], ["shape"], name="shape", value_ints=[1, 12]),
        helper.make_node("Reshape", ["image", "shape"], ["last"], name="tokens"),
    ]
    source, made = artifact(tmp_path / "source", nodes, {}), OnnxModel(tmp_path / "made")
    made.path.mkdir()
    carry(source, made.path)
    model = onnx.load(source.file)
    model.graph.node[0].attribute[0].ints[:] = [7, 7]
    onnx.save(model, made.file)
    with pytest.raises(StageFailed, match=r"does not run: .* running Reshape node\. Name:'tokens'") as caught:
        compare(LocalContext(tmp_path), source, made, Quantize.Params(scheme="int8"))
    assert "`exclude`" in str(caught.value.hint)
