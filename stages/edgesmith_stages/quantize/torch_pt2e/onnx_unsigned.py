"""uint8 activations in an ONNX file: ONNX Runtime's kernels for x86 want them, and torch's graphs have int8."""

from __future__ import annotations

from typing import Any

SHIFT = 128


def to_unsigned(model: Any) -> int:
    """Write activations of a QDQ file as uint8, in place: zero points move by 128, and no value changes.

    Weights stay int8. A zero point that weights share is copied first.

    Args:
        model: a ModelProto whose int8 tensors run from QuantizeLinear to DequantizeLinear alone.

    Returns:
        How many tensors changed.
    """
    import numpy as np
    from onnx import numpy_helper

    graph = model.graph
    constants = {one.name: one for one in graph.initializer}
    activations = {
        node.output[0] for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] not in constants
    }
    moved: dict[str, str] = {}
    changed = 0
    for node in graph.node:
        quantises = node.op_type == "QuantizeLinear" and node.output[0] in activations
        if not quantises and not (node.op_type == "DequantizeLinear" and node.input[0] in activations):
            continue
        name = node.input[2]
        if name not in moved:
            zero = numpy_helper.to_array(constants[name])
            moved[name] = f"{name}_unsigned"
            shifted = (zero.astype(np.int16) + SHIFT).astype(np.uint8)
            graph.initializer.append(numpy_helper.from_array(np.asarray(shifted), moved[name]))
        node.input[2] = moved[name]
        changed += quantises
    _drop_unused(graph, moved)
    for value in graph.value_info:
        if value.name in activations:
            value.type.tensor_type.elem_type = 2  # TensorProto.UINT8
    return changed


def _drop_unused(graph: Any, names: Any) -> None:
    used = {name for node in graph.node for name in node.input}
    for one in [one for one in graph.initializer if one.name in names and one.name not in used]:
        graph.initializer.remove(one)
