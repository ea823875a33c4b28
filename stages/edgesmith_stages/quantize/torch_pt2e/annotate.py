"""Which tensors of an exported graph become int8: those around operators that have fast integer kernels.

Matrix products of two activations, softmax, norms, means and other activation functions stay in float: mobile
runtimes compute them no faster, or slower, in int8.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith.errors import unknown

if TYPE_CHECKING:
    from torch.fx import Graph, Node

    from edgesmith_stages.quantize.torch_pt2e.specs import Specs

WEIGHTED = ("conv2d", "linear")
JOINED = ("add", "mul")
SAME_RANGE = ("cat", "max_pool2d")
SIGMOID = "sigmoid"
OPERATORS = (*WEIGHTED, *JOINED, *SAME_RANGE, SIGMOID)
"""What is quantised, by the operator's name in torch."""

CLAMPS = ("relu", "relu6", "hardtanh", "clamp")
"""What runtimes merge into the operator before it: only the result behind it is quantised."""

KEY = "quantization_annotation"


def check_excluded(names: Collection[str]) -> None:
    """Raise UserError for an operator that is never quantised."""
    for name in names:
        if name not in OPERATORS:
            raise UserError(unknown("operator in `exclude`", name, OPERATORS))


def annotate(graph: Graph, specs: Specs, excluded: Collection[str]) -> None:
    """Mark every tensor that becomes int8, as torchao's `prepare` reads it.

    Args:
        graph: of `torch.export`, with SiLU taken apart.
        excluded: operators to leave in float.
    """
    from torchao.quantization.pt2e.quantizer import SharedQuantizationSpec as Shared

    for node in graph.nodes:
        op = operator(node)
        if op not in OPERATORS or op in excluded or not _floating(node):
            continue
        if op in WEIGHTED:
            if node.args[1].op != "get_attr":
                continue
            inputs = {node.args[0]: _read(node.args[0], specs), node.args[1]: specs.weight}
            _mark(_behind_clamp(node), {}, specs.activation)
            _mark(node, inputs, None)
        elif op in JOINED:
            terms = node.args[:2]
            if all(_activation(term) for term in terms):
                _mark(_behind_clamp(node), {}, specs.activation)
                _mark(node, {term: _read(term, specs) for term in terms}, None)
        elif op in SAME_RANGE:
            first, *others = node.args[0] if op == "cat" else node.args[:1]
            same = Shared((first, node))
            _mark(node, {first: specs.activation, **dict.fromkeys(others, same)}, same)
        else:
            _mark(node, {node.args[0]: _read(node.args[0], specs)}, specs.sigmoid)


def split_silu(graph: Graph) -> None:
    """Write x * sigmoid(x) for SiLU, as ONNX and TFLite do, so that both halves can be int8."""
    import torch

    for node in list(graph.nodes):
        if operator(node) != "silu":
            continue
        value = node.args[0]
        with graph.inserting_before(node):
            gate = graph.call_function(torch.ops.aten.sigmoid.default, (value,))
            product = graph.call_function(torch.ops.aten.mul.Tensor, (value, gate))
        gate.meta, product.meta = dict(node.meta), dict(node.meta)
        node.replace_all_uses_with(product)
        graph.erase_node(node)


def operator(node: Node) -> str:
    """Return the name of a node's operator, an operator in place like any other: `conv2d`, `add`; empty if none."""
    schema = getattr(node.target, "_schema", None) if node.op == "call_function" else None
    return schema.name.removeprefix("aten::").rstrip("_") if schema else ""


def _mark(node: Node, inputs: dict[Node, Any], output: Any) -> None:
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation

    known = node.meta.setdefault(KEY, QuantizationAnnotation(_annotated=True))
    known.input_qspec_map.update(inputs)
    known.output_qspec = output or known.output_qspec


def _read(value: Node, specs: Specs) -> Any:
    """Return how an operator reads a tensor: results of a quantised sigmoid have their own scale."""
    from torchao.quantization.pt2e.quantizer import SharedQuantizationSpec

    known = value.meta.get(KEY)
    return SharedQuantizationSpec(value) if known and known.output_qspec is specs.sigmoid else specs.activation


def _behind_clamp(node: Node) -> Node:
    (first, *others) = [*node.users] or [node]
    return first if not others and operator(first) in CLAMPS else node


def _activation(value: Any) -> bool:
    """Whether a term is a tensor that depends on the input: constants such as layer scales stay as they are."""
    return getattr(value, "op", "get_attr") != "get_attr" and _floating(value)


def _floating(node: Node) -> bool:
    import torch

    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.is_floating_point()
