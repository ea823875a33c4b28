"""Fold what a quantiser would spoil: operations whose result does not depend on the input."""

from __future__ import annotations

from typing import Any


def fold_certain_softmax(model: Any) -> int:
    """Replace each Softmax over one element by ones, in place; return how many there were.

    The answer is 1 whatever the input, as in the last stage of a MobileViT at 64 px, where attention has one position.
    ONNX Runtime 1.31 computes 0 in uint8: 1 is 256 steps of 1/256, which wraps around. What the Softmax was computed
    from goes too. One whose shape is open stays.

    Args:
        model: an onnx.ModelProto with inferred shapes.
    """
    import numpy as np
    from onnx import numpy_helper

    shapes = {value.name: _shape(value) for value in (*model.graph.value_info, *model.graph.output)}
    outputs = {value.name for value in model.graph.output}
    folded = []
    for node in model.graph.node:
        shape = shapes.get(node.output[0]) if node.op_type == "Softmax" else None
        if shape is None or node.output[0] in outputs:
            continue
        if shape[_axis(node, model)] == 1:
            model.graph.initializer.append(numpy_helper.from_array(np.ones(shape, np.float32), node.output[0]))
            folded.append(node)
    for node in folded:
        model.graph.node.remove(node)
    if folded:
        _prune(model.graph, outputs)
    return len(folded)


def _axis(node: Any, model: Any) -> int:
    """The axis of a Softmax; before opset 13 it flattens, and a last axis alone means the same."""
    given = next((int(one.i) for one in node.attribute if one.name == "axis"), None)
    if given is not None:
        return given
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    return -1 if opset >= 13 else 1


def _shape(value: Any) -> list[int] | None:
    """The shape of a tensor; None if it is open or not of single precision."""
    from onnx import TensorProto

    tensor = value.type.tensor_type
    sizes = [int(one.dim_value) for one in tensor.shape.dim]
    return sizes if sizes and all(sizes) and tensor.elem_type == TensorProto.FLOAT else None


def _prune(graph: Any, outputs: set[str]) -> None:
    """Remove nodes and constants that nothing reads any more."""
    from edgesmith_stages.formats.onnx import subgraphs

    def reads(node: Any) -> set[str]:
        inner = [name for part in subgraphs(node) for one in part.node for name in reads(one)]
        return {*node.input, *inner, *(value.name for part in subgraphs(node) for value in part.output)}

    needed = set(outputs)
    for node in reversed(list(graph.node)):
        if needed.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            needed |= reads(node)
    for one in [one for one in graph.initializer if one.name not in needed]:
        graph.initializer.remove(one)
