"""Biases that several operations share."""

from __future__ import annotations

from typing import Any

BIAS = 2
"""The place of a bias among an operation's inputs: Conv, Gemm, InstanceNormalization, LayerNormalization."""


def unshare_biases(model: Any) -> int:
    """Give each operation a bias of its own, in place; return how many were copied.

    ONNX Runtime 1.31's quantiser copies a shared bias itself, since its scale depends on the operation, under its name
    with a number behind: `val_41` becomes `val_417`, whether there is another tensor of that name or not (MobileViTv2).

    Args:
        model: an onnx.ModelProto.
    """
    constants = {one.name: one for one in model.graph.initializer}
    taken = {*constants, *(name for node in model.graph.node for name in (*node.input, *node.output))}
    seen: set[str] = set()
    count = 0
    for node in model.graph.node:
        name = node.input[BIAS] if len(node.input) > BIAS else ""
        if name not in constants or len(constants[name].dims) != 1:
            continue
        if name in seen:
            number = next(at for at in range(len(taken) + 1) if f"{name}.{at}" not in taken)
            copied = model.graph.initializer.add()
            copied.CopyFrom(constants[name])
            node.input[BIAS] = copied.name = f"{name}.{number}"
            taken.add(copied.name)
            count += 1
        seen.add(name)
    return count
