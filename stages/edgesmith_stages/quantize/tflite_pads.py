"""Pads of infinity, which no int8 scale holds: a max pool's borders."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAD = "PADV2"


def finite_pads(model: Any, ranges: Mapping[str, dict[str, NDArray[np.float32]]], keep: Collection[str] = ()) -> int:
    """Let every PADV2 that pads with an infinity pad with the end of its input's range instead; count them.

    In int8 the two are the same: what is beyond the range becomes its end.

    Args:
        model: a ModelT, changed in place.
        ranges: `min` and `max` by the name of a tensor; those of the padded tensors are changed, too.
        keep: names of operations that stay in float, and as they are.
    """
    from edgesmith_stages.formats.tflite import op_names

    names = iter(op_names(model))
    count = 0
    for graph in model.subgraphs:
        for operator in graph.operators:
            (first, *_), kind = operator.outputs, next(names)
            padded, given = graph.tensors[first].name.decode(), graph.tensors[operator.inputs[0]].name.decode()
            if kind == PAD and padded not in keep and given in ranges and padded in ranges:
                count += _finite(model, graph, operator, ranges[given], ranges[padded])
    return count


def _finite(model: Any, graph: Any, operator: Any, given: Any, padded: dict[str, Any]) -> bool:
    import copy

    import numpy as np

    from edgesmith_stages.formats.tflite import numbers

    place = operator.inputs[2]
    value = numbers(model, graph.tensors[place])
    if np.isfinite(value).all():
        return False
    end = np.asarray(given["min" if value[0] < 0 else "max"], np.float32).ravel()
    buffer, tensor = copy.copy(model.buffers[graph.tensors[place].buffer]), copy.copy(graph.tensors[place])
    buffer.data = np.frombuffer(end.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer, tensor.name = len(model.buffers) - 1, f"pad~{len(graph.tensors)}".encode()
    graph.tensors.append(tensor)
    operator.inputs = [*operator.inputs[:2], len(graph.tensors) - 1]
    for side in ("min", "max"):
        padded[side] = np.where(np.isfinite(padded[side]), padded[side], given[side])
    return True
