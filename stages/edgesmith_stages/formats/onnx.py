"""ONNX files without the traces of the machine that made them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgesmith import StageFailed

PROTOBUF_LIMIT = 2**31 - 1


def tidy(model: Any) -> None:
    """Remove stack traces, host paths, scopes and doc strings from an onnx.ModelProto, and operator sets not used.

    torch's exporter writes the Python stack of every node into its metadata, and the quantiser imports a dozen
    operator sets that no node uses.
    """
    for part in (model, *_parts(model.graph), *model.functions):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    for function in model.functions:
        for node in function.node:
            _clear_node(node)
    used = {node.domain for node in _nodes(model.graph)} | {
        node.domain for function in model.functions for node in function.node
    }
    kept = [entry for entry in model.opset_import if entry.domain in used or entry.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(sorted(kept, key=lambda entry: str(entry.domain)))


def save(model: Any, file: Path) -> None:
    """Tidy an onnx.ModelProto and write it to one file; equal models are equal bytes."""
    tidy(model)
    if model.ByteSize() > PROTOBUF_LIMIT:
        raise StageFailed("the model is larger than 2 GiB, which one ONNX file can't hold", hint="use a smaller model")
    file.write_bytes(model.SerializeToString(deterministic=True))


def subgraphs(node: Any) -> Iterable[Any]:
    """Yield the graphs in a node's attributes (If, Loop, Scan)."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _nodes(graph: Any) -> Iterable[Any]:
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from _nodes(inner)


def _parts(graph: Any) -> Iterable[Any]:
    yield graph
    yield from (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from _parts(inner)


def _clear_node(node: Any) -> None:
    node.doc_string = ""
    del node.metadata_props[:]
    for inner in subgraphs(node):
        for part in _parts(inner):
            part.doc_string = ""
            del part.metadata_props[:]
