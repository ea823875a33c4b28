"""Turn an ONNX graph's float32 into float16 with ONNX Runtime's converter, and mend what that leaves behind."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

TO_FLOAT = ("_cast_to_fp32_node", "graph_output_cast0")
TO_HALF = ("_cast_to_fp16_node", "graph_input_cast0")
"""Endings of the names of the casts that the converter adds, for a model of one input and one output."""


def named(model: Any) -> Any:
    """Return a ModelProto whose nodes all have names of their own, as the converter goes by them."""
    taken = {""}
    for place, node in enumerate(model.graph.node):
        if node.name in taken:
            node.name = f"{node.op_type}_{place}_{node.output[0]}"
        taken.add(node.name)
    return model


def converted(model: Any, kept: Collection[str]) -> tuple[Any, list[str]]:
    """Convert a graph.

    Args:
        model: a ModelProto in float32; it stays as it is.
        kept: names of the nodes that go on computing in float32.

    Returns:
        A ModelProto with float32 input and output, and the names of the nodes that the converter keeps on its own.
    """
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    copy = type(model)()
    copy.CopyFrom(model)
    half = convert_float_to_float16(copy, keep_io_types=True, node_block_list=list(kept))
    _mend(half.graph)
    return half, [node.name for node in model.graph.node if node.op_type in DEFAULT_OP_BLOCK_LIST]


def _mend(graph: Any) -> None:
    """Write each cast once, cast nothing back and forth, and put the nodes in order.

    The converter adds a cast of one name for every kept node that reads a tensor. Between two kept nodes it casts to
    float16 and back, which would lose in between what they are kept for.
    """
    from onnxruntime.transformers.onnx_model import OnnxModel

    nodes = list({tuple(node.output): node for node in graph.node}.values())  # of one name: the same cast
    makers = {name: node for node in nodes for name in node.output}
    outputs = {one.name for one in graph.output}
    whole: dict[str, str] = {}
    for node in nodes:
        maker = makers.get(node.input[0]) if node.name.endswith(TO_FLOAT) else None
        if maker is not None and maker.name.endswith(TO_HALF):
            node.input[0] = maker.input[0]
            whole.update({} if node.output[0] in outputs else {node.output[0]: maker.input[0]})
    for node in nodes:
        node.input[:] = [whole.get(name, name) for name in node.input]
    read = {name for node in nodes for name in node.input} | outputs
    left = [type(node).FromString(node.SerializeToString()) for node in nodes if read.intersection(node.output)]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(left)
    OnnxModel.graph_topological_sort(graph)
