"""Softmax over one element, which ONNX Runtime's int8 turns into 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith.testing import run_stage
from edgesmith_stages.datasets.random_images import RandomImages
from edgesmith_stages.quantize.onnx_fold import fold_certain_softmax
from edgesmith_stages.quantize.stage import Quantize

from .onnx_graphs import artifact


def attention(positions: int | str, axis: int | None = -1) -> Any:
    """Attention over `positions` of width 4: x + softmax(x k) x, the queries' product included."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape: list[Any] = [1, positions, 4]
    weights = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["q"], name="q"),
        helper.make_node("Transpose", ["x"], ["k"], name="k", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "k"], ["scores"], name="scores"),
        helper.make_node("Softmax", ["scores"], ["p"], name="softmax", **({} if axis is None else {"axis": axis})),
        helper.make_node("MatMul", ["p", "x"], ["mixed"], name="mixed"),
        helper.make_node("Add", ["x", "mixed"], ["y"], name="add"),
    ]
    graph = helper.make_graph(
        nodes,
        "attention",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return onnx.shape_inference.infer_shapes(made, strict_mode=True)


def answer(model: Any, value: Any) -> Any:
    """Run a model on one array."""
    import onnxruntime

    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": value})[0]


@pytest.mark.parametrize("axis", [-1, None, 2])
def test_one_position_needs_no_softmax(axis: int | None) -> None:
    """What the scores were computed from goes, and the answer stays."""
    model, value = attention(1, axis), np.ones((1, 1, 4), np.float32)
    expected = answer(model, value)
    assert fold_certain_softmax(model) == 1
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Add"]
    assert [one.name for one in model.graph.initializer] == ["p"]
    assert answer(model, value) == pytest.approx(expected)


@pytest.mark.parametrize(("positions", "axis"), [(2, -1), ("n", -1), (2, 1)])
def test_any_other_softmax_stays(positions: int | str, axis: int) -> None:
    """Over several positions, or over as many as the input has."""
    model = attention(positions, axis)
    assert fold_certain_softmax(model) == 0
    assert len(model.graph.node) == 6


def test_int8_keeps_attention_over_one_position(tmp_path: Path) -> None:
    """A MobileViT at 64 px has it in its last stage; quantised as it is, the mixed values would be 0."""
    import onnx
    from onnx import helper

    nodes = [
        helper.make_node("Reshape", ["image", "shape"], ["x"], name="tokens"),
        helper.make_node("MatMul", ["x", "w"], ["q"], name="q"),
        helper.make_node("Transpose", ["x"], ["k"], name="k", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "k"], ["scores"], name="scores"),
        helper.make_node("Softmax", ["scores"], ["p"], name="softmax", axis=-1),
        helper.make_node("MatMul", ["x", "w"], ["v"], name="v"),
        helper.make_node("MatMul", ["p", "v"], ["last"], name="mixed"),
    ]
    weights = np.random.default_rng(0).normal(size=(12, 12))
    shape = helper.make_node("Constant", [], ["shape"], name="shape", value_ints=[1, 1, 12])
    source = artifact(tmp_path / "source", [shape, *nodes], {"w": weights})
    noise = {"name": "random", "images": 64, "size": 2}
    params = {"scheme": "int8", "data": noise, "calibration": 64, "exclude": []}
    made = run_stage(Quantize, tmp_path / "int8", {"model": source}, params, datasets=[RandomImages])
    file = tmp_path / "int8" / "model" / "model.onnx"
    assert "Softmax" not in [node.op_type for node in onnx.load(file).graph.node]
    assert made.figures["sqnr_db"] > 25
