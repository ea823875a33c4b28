"""Which layer of the network an ONNX node comes from, by the names of weights."""

from __future__ import annotations

from typing import Any


def layers(graph: Any) -> dict[str, str]:
    """Return for each node's name " (layer NAME)", or " (after layer NAME)" where it has no weights, or nothing.

    Args:
        graph: a GraphProto whose weights have the names that torch gave them, and whose nodes all have names.
    """
    weights = {one.name.rpartition(".")[0] for one in graph.initializer if "." in one.name}
    known = {one.name: one.name.rpartition(".")[0] for one in graph.initializer}
    last: dict[str, str] = {}
    found = {}
    for node in graph.node:
        own = next((known[name] for name in node.input if known.get(name) in weights), "")
        before = next((last[name] for name in node.input if last.get(name)), "")
        found[node.name] = f" (layer {own})" if own else f" (after layer {before})" if before else ""
        last.update(dict.fromkeys(node.output, own or before))
    return found
