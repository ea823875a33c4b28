"""ONNX files: no traces, equal bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edgesmith_stages.formats.onnx import save, shorten_quantised_names, tidy


def traced() -> Any:
    """A model with traces everywhere that ONNX has room for: branches within branches included."""
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])

    def branch(name: str, *nodes: Any) -> Any:
        return helper.make_graph(list(nodes), name, [], [value], doc_string="/home/me")

    constant = helper.make_node("Constant", [], ["y"], value_float=1.0, doc_string="/home/me")
    inner = helper.make_node("If", ["c"], ["y"], then_branch=branch("a", constant), else_branch=branch("b", constant))
    outer = helper.make_node("If", ["c"], ["y"], then_branch=branch("d", inner), else_branch=branch("e", constant))
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    graph = helper.make_graph([outer], "main", [condition], [value], doc_string="/home/me")
    imports = [helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=imports, doc_string="/home/me")
    parts = [model, graph, outer, inner, constant, *graph.input]
    for part in (*parts, graph.node[0], graph.node[0].attribute[0].g.node[0]):
        helper.set_model_props(part, {"trace": "/home/me/secret.py"})
    return model


def test_traces_and_unused_operator_sets_are_removed() -> None:
    """At every depth."""
    model = traced()
    assert b"/home/me" in model.SerializeToString()
    tidy(model)
    assert b"/home/me" not in model.SerializeToString()
    assert [entry.domain for entry in model.opset_import] == [""]


def test_the_quantisers_names_are_shortened() -> None:
    """Not those of inputs and outputs, and not where two would become one."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("QuantizeLinear", ["x_scale", "a_scale", "a_zero_point"], ["a_QuantizeLinear_Output"], "long"),
        helper.make_node("Identity", ["a_QuantizeLinear_Output"], ["b_quantized"], "mine"),
        helper.make_node("Identity", ["b_quantized"], ["b.i"]),
        helper.make_node("Identity", ["b.i"], ["y_quantized"]),
    ]
    given = helper.make_tensor_value_info("x_scale", TensorProto.FLOAT, [1])
    made = helper.make_tensor_value_info("y_quantized", TensorProto.UINT8, [1])
    constants = [
        numpy_helper.from_array(np.float32(1), "a_scale"),
        numpy_helper.from_array(np.uint8(0), "a_zero_point"),
    ]
    model = helper.make_model(helper.make_graph(nodes, "main", [given], [made], constants))
    shorten_quantised_names(model)
    assert [list(node.input) for node in model.graph.node] == [
        ["x_scale", "a.s", "a.z"],
        ["a.q"],
        ["b_quantized"],
        ["b.i"],
    ]
    assert [list(node.output) for node in model.graph.node] == [["a.q"], ["b_quantized"], ["b.i"], ["y_quantized"]]
    assert [node.name for node in model.graph.node] == ["", "mine", "", ""]
    assert [one.name for one in model.graph.initializer] == ["a.s", "a.z"]
    onnx.checker.check_model(model)


def test_equal_models_are_equal_bytes(tmp_path: Path) -> None:
    """And can be read back."""
    save(traced(), tmp_path / "a.onnx")
    save(traced(), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    onnx.checker.check_model(str(tmp_path / "a.onnx"))
