"""Intermediate results of an ONNX graph: which ones to ask for, and what to call them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

CLIPS = frozenset({"Relu", "Clip"})
"""Activations that a quantised kernel does on its way out."""


@dataclass(frozen=True)
class Shown:
    """A tensor to show: its name in the graph, and the result's name and operation that it is shown as."""

    tensor: str
    name: str
    op: str


def choose(graph: Any) -> list[Shown]:
    """Choose the tensors of a GraphProto to show, in order.

    Those that don't depend on the input are left out. So are results that nothing but a QuantizeLinear reads, at most
    after a Relu or Clip: to show them would break up the integer kernel that ONNX Runtime makes of `DequantizeLinear,
    Conv, Relu, QuantizeLinear`. What the kernel gives is shown instead, dequantised, as the Relu's.
    """
    wiring = _Wiring(graph)
    shown = []
    for node in graph.node:
        if wiring.fed.isdisjoint(node.input):
            continue
        wiring.fed.update(node.output)
        for tensor in filter(None, node.output):
            origin = wiring.origin(node.input[0]) if node.op_type == "DequantizeLinear" else None
            if origin in wiring.makers:
                shown.append(Shown(tensor, origin, wiring.makers[origin].op_type))
            elif node.op_type != "QuantizeLinear" and not wiring.inside(tensor):
                shown.append(Shown(tensor, tensor, node.op_type))
    return shown


@dataclass
class _Wiring:
    """Who makes and who reads each tensor.

    Attributes:
        fed: tensors that depend on the input.
        outputs: the graph's.
        makers: by tensor, the node that makes it.
    """

    graph: Any
    fed: set[str] = field(init=False)
    outputs: set[str] = field(init=False)
    makers: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.fed = {one.name for one in self.graph.input} - {one.name for one in self.graph.initializer}
        self.outputs = {one.name for one in self.graph.output}
        self.makers = {name: node for node in self.graph.node for name in node.output}
        self._readers: dict[str, list[Any]] = defaultdict(list)
        for node in self.graph.node:
            for name in node.input:
                self._readers[name].append(node)

    def inside(self, tensor: str) -> bool:
        """Tell whether a tensor is rounded before anything else sees it."""
        readers = self._readers[tensor]
        if not readers or tensor in self.outputs:
            return False
        if len(readers) == 1 and readers[0].op_type in CLIPS:
            return self.inside(readers[0].output[0])
        return all(node.op_type == "QuantizeLinear" for node in readers)

    def origin(self, quantised: str) -> str | None:
        """Return the tensor that is shown by its quantised form alone, if this is one."""
        rounding = self.makers.get(quantised)
        if rounding is None or rounding.op_type != "QuantizeLinear" or not self.inside(rounding.input[0]):
            return None
        return str(rounding.input[0])


def with_outputs(model: Any, shown: list[Shown]) -> Any:
    """Return a copy of a ModelProto that gives the tensors to show beside its own outputs."""
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    known = {one.name for one in made.graph.output}
    for one in shown:
        if one.tensor not in known:
            made.graph.output.append(onnx.ValueInfoProto(name=one.tensor))
    return made
