"""TFLite flatbuffers: names, and writing without repetition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith_stages.formats.tflite import (
    BUFFER_ALIGNMENT,
    integer_ops,
    op_names,
    read,
    short_name,
    shorten_names,
    write,
)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (
            "litert_torch._convert.to_channel_last_io.ChannelLastIOWrapper/timm.models.byobnet.ByobNet_wrapped/"
            "timm.layers.conv_bn_act.ConvNormAct_conv1_1x1/torch.nn.modules.conv.Conv2d_conv;2",
            "conv1_1x1.conv;2",
        ),
        (
            "timm.models.byobnet.ByobNet/torch.nn.modules.container.Sequential_stages/"
            "torch.nn.modules.container.Sequential_4/timm.layers.norm_act.BatchNormAct2d_bn;;timm.models.byobnet.ByobNet/x;1",
            "stages.4.bn",
        ),
        (
            "litert_torch._convert.to_channel_last_io.ChannelLastIOWrapper/"
            "edgesmith_stages.tflite_backends.lowering.lowered.<locals>.Lowered_wrapped/"
            "timm.models.vision_transformer.VisionTransformer_network/torch.nn.modules.container.Sequential_blocks/"
            "timm.models.vision_transformer.Block_5;1",
            "blocks.5;1",
        ),
        ("serving_default_args_0", "serving_default_args_0"),
        ("arith.constant12", "arith.constant12"),
        ("timm.models.byobnet.ByobNet;3", "timm.models.byobnet.ByobNet;3"),
    ],
)
def test_names_are_those_of_the_modules(name: str, short: str) -> None:
    """Real names of litert-torch."""
    assert short_name(name) == short


def model(weights: list[bytes], names: list[str]) -> Any:
    """A model without operators: one int8 tensor per weight, quantised per channel."""
    from ai_edge_litert import schema_py_generated as schema

    graph, made = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []
    made.buffers = [schema.BufferT()]
    for weight, name in zip(weights, names, strict=True):
        buffer, tensor = schema.BufferT(), schema.TensorT()
        buffer.data = bytearray(weight)
        tensor.name, tensor.shape, tensor.type = name.encode(), [len(weight), 1], schema.TensorType.INT8
        tensor.buffer, tensor.quantization = len(made.buffers), schema.QuantizationParametersT()
        tensor.quantization.scale = [0.5] * len(weight)
        tensor.quantization.zeroPoint = [0] * len(weight)
        made.buffers.append(buffer)
        graph.tensors.append(tensor)
    made.version, made.subgraphs, made.operatorCodes = 3, [graph], []
    return made


def test_names_stay_unique() -> None:
    """A name that comes again gets a number."""
    made = model([b"a", b"b", b"c"], ["m/x.Y_stem;1", "m/x.Z_stem;1", "other"])
    shorten_names(made)
    assert [tensor.name for tensor in made.subgraphs[0].tensors] == [b"stem;1", b"stem;1~1", b"other"]


def test_equal_vectors_are_written_once_and_read_back(tmp_path: Path) -> None:
    """Zero points of all tensors, and weights that are the same."""
    weights = [bytes(range(200)), bytes(range(200)), b"\x07" * 200]
    file = tmp_path / "model.tflite"
    write(model(weights, ["a", "b", "c"]), file)
    content = file.read_bytes()
    assert content[4:8] == b"TFL3"
    assert len(content) < 2 * 200 + 200 * (8 + 4) + 700
    back = read(content)
    assert [bytes(buffer.data) for buffer in back.buffers[1:]] == weights
    for tensor in back.subgraphs[0].tensors:
        np.testing.assert_array_equal(tensor.quantization.scale, [0.5] * 200)
        np.testing.assert_array_equal(tensor.quantization.zeroPoint, [0] * 200)
    for weight in set(weights):
        assert content.index(weight) % BUFFER_ALIGNMENT == 0
    write(model(weights, ["a", "b", "c"]), tmp_path / "again.tflite")
    assert (tmp_path / "again.tflite").read_bytes() == content


def test_operators_are_named_and_counted(tmp_path: Path) -> None:
    """Those that give int8 run quantised."""
    from ai_edge_litert import schema_py_generated as schema

    made = model([b"ab", b"cd"], ["a", "b"])
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RESHAPE
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    made.operatorCodes, made.subgraphs[0].operators = [code], [operator]
    assert op_names(made) == ["RESHAPE"]
    assert integer_ops(made) == 1
    made.subgraphs[0].tensors[1].type = schema.TensorType.FLOAT32
    assert integer_ops(made) == 0
