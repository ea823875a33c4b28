"""ONNX files without the traces of the machine that made them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgesmith import StageFailed

PROTOBUF_LIMIT = 2**31 - 1

QUANTISER_ENDINGS = (
    ("_DequantizeLinear_Output", ".d"),
    ("_QuantizeLinear_Output", ".q"),
    ("_quantized_scale", ".qs"),
    ("_quantized_zero_point", ".qz"),
    ("_quantized", ".i"),
    ("_scale", ".s"),
    ("_zero_point", ".z"),
)
"""What the quantiser appends to tensor names, and what is written instead."""


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


def shorten_quantised_names(model: Any) -> None:
    """Shorten the names that ONNX Runtime's quantiser makes, and drop those of the nodes that it adds.

    Each weight and activation brings up to six names with endings like `_DequantizeLinear_Output`: an eighth of an int8
    MobileViT-XXS. The names of the model's own tensors, inputs and outputs stay.
    """
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    names = {name for node in graph.node for name in (*node.input, *node.output)} - kept
    renamed = {name: _short(name) for name in sorted(names)}
    taken = Counter((*renamed.values(), *kept))
    renamed = {name: short for name, short in renamed.items() if taken[short] == 1}
    for node in graph.node:
        for ports in (node.input, node.output):
            ports[:] = [renamed.get(name, name) for name in ports]
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node.name = ""
    for part in (*graph.initializer, *graph.value_info):
        part.name = renamed.get(part.name, part.name)


def _short(name: str) -> str:
    for long, short in QUANTISER_ENDINGS:
        name = name.replace(long, short)
    return name


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
