"""Intermediate results of ONNX graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgesmith import InputContract, OnnxModel, Tap
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith_stages.runtimes.onnx_taps import choose
from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

from .test_onnxruntime import write_model


def seen(model: OnnxModel, batch: Any) -> list[Tap]:
    """All results, in ONNX Runtime."""
    runtime = OnnxRuntime()
    runtime.load(model, threads=1)
    found: list[Tap] = []
    runtime.tap(batch, found.append)
    return found


def test_nodes_show_by_the_tensors_names(tmp_path: Path) -> None:
    """In order, the output included."""
    model = write_model(tmp_path)
    pixels, logits = model.golden()
    found = seen(model, model.contract.feed(pixels))
    assert [(one.name, one.op) for one in found] == [
        ("pooled", "GlobalAveragePool"),
        ("flat", "Flatten"),
        ("logits", "MatMul"),
    ]
    np.testing.assert_allclose(found[0].value.reshape(3, 3), found[1].value)
    np.testing.assert_allclose(found[2].value, logits, rtol=1e-5)


def write_quantised(folder: Path) -> OnnxModel:
    """A convolution and a ReLU between QuantizeLinear and DequantizeLinear; the weight is quantised, too."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(0).integers(-127, 127, (4, 3, 1, 1), np.int8)
    numbers = {"weight": weight, "scale": np.float32(0.02), "zero": np.uint8(128), "fine": np.float32(0.001)}
    numbers |= {"none": np.int8(0)}
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["image_q"]),
        helper.make_node("DequantizeLinear", ["image_q", "scale", "zero"], ["image_d"]),
        helper.make_node("DequantizeLinear", ["weight", "fine", "none"], ["weight_d"]),
        helper.make_node("Conv", ["image_d", "weight_d"], ["conv"]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("QuantizeLinear", ["relu", "scale", "zero"], ["relu_q"]),
        helper.make_node("DequantizeLinear", ["relu_q", "scale", "zero"], ["relu_d"]),
        helper.make_node("GlobalAveragePool", ["relu_d"], ["pooled"]),
        helper.make_node("Shape", ["pooled"], ["sizes"]),
        helper.make_node("Reshape", ["pooled", "sizes"], ["logits"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 4, 4])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4, 1, 1])
    stored = [numpy_helper.from_array(value, name) for name, value in numbers.items()]
    graph = helper.make_graph(nodes, "main", [image], [logits], stored)
    model = OnnxModel(folder)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), model.file)
    InputContract(size=(4, 4), batch=1).write(folder / CONTRACT_FILE)
    return model


def test_quantised_kernels_stay_whole(tmp_path: Path) -> None:
    """What is rounded before anything else sees it shows as what it is rounded to, under its own name.

    The tensors between would have ONNX Runtime compute the convolution in floats.
    """
    import onnx

    model = write_quantised(tmp_path)
    shown = choose(onnx.load(model.file).graph)
    assert [(one.tensor, one.name, one.op) for one in shown] == [
        ("image_d", "image_d", "DequantizeLinear"),
        ("relu_d", "relu", "Relu"),
        ("pooled", "pooled", "GlobalAveragePool"),
        ("sizes", "sizes", "Shape"),
        ("logits", "logits", "Reshape"),
    ]


def test_a_quantised_model_gives_the_same_while_it_is_looked_at(tmp_path: Path) -> None:
    """To the bit; integers don't show."""
    model = write_quantised(tmp_path)
    image = np.random.default_rng(1).normal(size=(1, 3, 4, 4)).astype(np.float32)
    found = {one.name: one.value for one in seen(model, image)}
    assert list(found) == ["image_d", "relu", "pooled", "logits"]
    steps = found["relu"] / np.float32(0.02)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    runtime = OnnxRuntime()
    runtime.load(model, threads=1)
    np.testing.assert_array_equal(runtime.predict(image), found["logits"])
