"""int8 activations written as uint8."""

from __future__ import annotations

from typing import Any

import numpy as np


def file(weights_share_the_zero: bool) -> Any:
    """image -> Q -> DQ -> (+ a dequantised int8 weight) -> logits."""
    from onnx import TensorProto, helper, numpy_helper

    zero = "zero" if weights_share_the_zero else "weight_zero"
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["codes"]),
        helper.make_node("DequantizeLinear", ["codes", "scale", "zero"], ["values"]),
        helper.make_node("DequantizeLinear", ["weight", "scale", zero], ["weights"]),
        helper.make_node("Add", ["values", "weights"], ["logits"]),
    ]
    constants = {
        "scale": np.float32(0.5),
        "zero": np.int8(0 if weights_share_the_zero else -7),
        "weight_zero": np.int8(0),
        "weight": np.array([-127, 3, 127], np.int8),
    }
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [3])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        value_info=[helper.make_tensor_value_info("codes", TensorProto.INT8, [3])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_the_file_computes_the_same_with_uint8_activations_and_int8_weights() -> None:
    import onnx
    from onnx import TensorProto, numpy_helper
    from onnxruntime import InferenceSession

    from edgesmith_stages.quantize.torch_pt2e.onnx_unsigned import to_unsigned

    image = {"image": np.array([-90.0, 0.3, 90.0], np.float32)}
    for shared in (False, True):
        model = file(shared)
        expected = InferenceSession(model.SerializeToString()).run(None, image)[0]
        assert to_unsigned(model) == 1
        onnx.checker.check_model(model, full_check=True)
        assert (InferenceSession(model.SerializeToString()).run(None, image)[0] == expected).all()
        types = {one.name: one.data_type for one in model.graph.initializer}
        assert types["weight"] == TensorProto.INT8
        (zero,) = (one for one in model.graph.initializer if one.name == model.graph.node[0].input[2])
        assert numpy_helper.to_array(zero) == (128 if shared else 121)
        assert ("zero" in types) == shared
