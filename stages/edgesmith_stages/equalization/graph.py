"""Which layers of a network can share scales: found in its exported graph, where every reader of a tensor shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith.conversion import converting
from edgesmith_stages.hush import hushed
from edgesmith_stages.quantize.torch_pt2e.annotate import operator

if TYPE_CHECKING:
    from torch import nn
    from torch.fx import GraphModule, Node

    from edgesmith import InputContract

WEIGHTED = ("conv1d", "conv2d", "linear")
HOMOGENEOUS = ("relu", "leaky_relu", "prelu", "dropout", "clone", "contiguous", "alias", "detach")
"""f(s x) = s f(x) for every s > 0, element by element."""
SPATIAL = ("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d")
"""The same of images, channel by channel."""
RELU6 = ("relu6", "hardtanh")
NORMS = {"layer_norm": 2, "group_norm": 2}
"""Norms whose affine can take a scale, by the place of its weight among their arguments; the bias follows."""


@dataclass(frozen=True)
class Layer:
    """A convolution or linear layer.

    Attributes:
        weight: the parameter's name; [out, in, ...].
        bias: its name, if it has one.
        groups: of a convolution.
    """

    weight: str
    bias: str | None = None
    groups: int = 1

    @property
    def name(self) -> str:
        """The layer's name in the network."""
        return self.weight.removesuffix(".weight")


@dataclass(frozen=True)
class Pair:
    """Two layers that only something homogeneous joins.

    Attributes:
        first: its output channels are the input channels of
        second: ... this one.
        clamps: the network's parts, each a ReLU6, that must become ReLUs before.
    """

    first: Layer
    second: Layer
    clamps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Norm:
    """A norm with an affine, whose result linear layers alone read.

    Attributes:
        weight: name of the affine's factors, one a channel.
        bias: and of its terms, if it has any.
        readers: the layers.
        node: what gives the result in the exported graph.
        channel: the result's dimension that the channels lie in.
    """

    weight: str
    bias: str | None
    readers: tuple[Layer, ...]
    node: str
    channel: int

    @property
    def name(self) -> str:
        """The norm's name in the network."""
        return self.weight.removesuffix(".weight")


@dataclass(frozen=True)
class Found:
    """What a network offers.

    Attributes:
        pairs: in the order of the network.
        norms: in the same order.
        left: by name, layers that are first of no pair, and why; norms that are left, too.
    """

    pairs: tuple[Pair, ...]
    norms: tuple[Norm, ...]
    left: dict[str, str]


def exported(module: nn.Module, contract: InputContract) -> GraphModule:
    """Return the network's graph, for one image, with the module's own parameters.

    Raises:
        StageFailed: torch.export can't.
    """
    import torch

    with hushed(), converting("torch.export", "a graph of the model", "replace that operator in the model"):
        example = torch.zeros(1, contract.channels, *contract.size)
        return torch.export.export(module.eval(), (example,)).module()


def find(graph: GraphModule, module: nn.Module) -> Found:
    """Find the pairs and norms of a network.

    Args:
        graph: of `exported`.
        module: the network, whose names of parameters are the graph's.
    """
    return _Finder(graph, module).found()


class _Finder:
    def __init__(self, graph: GraphModule, module: nn.Module) -> None:
        self._nodes = [node for node in graph.graph.nodes if node.op == "call_function"]
        self._parameters = dict(module.named_parameters(remove_duplicate=False))
        read = (node.target for node in graph.graph.nodes if node.op == "get_attr" for _ in node.users)
        # Tied parameters have several names and are one tensor.
        self._uses = Counter(id(self._parameters[name]) for name in read if name in self._parameters)

    def found(self) -> Found:
        pairs, norms, left = [], [], {}
        for node in self._nodes:
            if operator(node) in WEIGHTED and (name := self._name(node.args[1])):
                result = self._pair(node)
                if isinstance(result, Pair):
                    pairs.append(result)
                else:
                    left[name.removesuffix(".weight")] = result
            elif operator(node) in NORMS:
                norm = self._norm(node)
                if isinstance(norm, Norm):
                    norms.append(norm)
                else:
                    left[(self._name(node.args[NORMS[operator(node)]]) or node.name).removesuffix(".weight")] = norm
        return Found(tuple(pairs), tuple(norms), left)

    def _pair(self, first: Node) -> Pair | str:
        layer = self._layer(first)
        if isinstance(layer, str):
            return layer
        node, clamps = first, []
        channel = _rank(first) - 1 if operator(first) == "linear" else 1
        while True:
            if len(node.users) != 1:
                return f"{len(node.users)} operations read its result"
            (reader,) = node.users
            op = operator(reader)
            if op in RELU6:
                part = _part(reader)
                if tuple(reader.args[1:]) not in ((), (0.0, 6.0)) or part is None:
                    return f"`{op}` behind it"
                clamps.append(part)
            elif op in WEIGHTED and reader.args[0] is node:
                second = self._layer(reader)
                if isinstance(second, str):
                    return f"{self._called(reader)} behind it: {second}"
                if channel != (_rank(node) - 1 if op == "linear" else 1):
                    return f"{second.name} behind it reads another dimension"
                return Pair(layer, second, tuple(clamps))
            elif not _commutes(reader, node, channel):
                return f"`{op}` behind it" if op else "the network's output"
            node = reader

    def _norm(self, node: Node) -> Norm | str:
        place = NORMS[operator(node)]
        weight, bias = (self._name(arg) for arg in (*node.args[place : place + 2], None, None)[:2])
        if weight is None or any(name and not self._alone(name) for name in (weight, bias)):
            return "its affine is missing or shared"
        channel = _rank(node) - 1 if operator(node) == "layer_norm" else 1
        if operator(node) == "layer_norm" and len(node.args[1]) != 1:
            return "it is over several dimensions"
        readers = []
        for reader in sorted(_readers(node)):  # users come in no order that means anything
            layer = (
                self._layer(reader) if operator(reader) in WEIGHTED else f"`{operator(reader) or 'output'}` reads it"
            )
            if isinstance(layer, str):
                return layer
            if channel != (_rank(node) - 1 if operator(reader) == "linear" else 1):
                return f"{layer.name} reads another dimension"
            readers.append(layer)
        return Norm(weight, bias, tuple(readers), node.name, channel)

    def _layer(self, node: Node) -> Layer | str:
        weight, bias = self._name(node.args[1]), self._name(node.args[2] if len(node.args) > 2 else None)
        if weight is None or (bias is None and len(node.args) > 2 and node.args[2] is not None):
            return "its weight is computed"
        if not all(self._alone(name) for name in (weight, bias) if name):
            return "its weight is shared"
        groups = node.args[6] if operator(node) != "linear" and len(node.args) > 6 else 1
        return Layer(weight, bias, int(groups))

    def _called(self, node: Node) -> str:
        return (self._name(node.args[1]) or node.name).removesuffix(".weight")

    def _name(self, argument: Any) -> str | None:
        target = getattr(argument, "target", None) if getattr(argument, "op", "") == "get_attr" else None
        return str(target) if target in self._parameters else None

    def _alone(self, name: str) -> bool:
        return self._uses[id(self._parameters[name])] == 1


def _commutes(node: Node, value: Node, channel: int) -> bool:
    """Tell whether an operation of a tensor keeps scales of its channels, and where the channels lie."""
    op, given = operator(node), value.meta["val"].shape
    if node.args[0] is not value:
        return False
    if op in HOMOGENEOUS:
        return True
    if channel != 1 or len(given) != 4:
        return False
    if op == "pad":
        mode = node.args[2] if len(node.args) > 2 else "constant"
        value = node.args[3] if len(node.args) > 3 else None
        return mode == "constant" and value in (0, None)
    if op == "mean":
        return {dim % 4 for dim in node.args[1]} == {2, 3}
    return op in SPATIAL or (op == "flatten" and tuple(node.args[1:2]) == (1,) and tuple(given[2:]) == (1, 1))


def _readers(node: Node) -> Iterator[Node]:
    """Yield who reads a tensor, through what does nothing in a network that runs."""
    for user in node.users:
        if operator(user) in ("dropout", "clone", "contiguous"):
            yield from _readers(user)
        else:
            yield user


def _rank(node: Node) -> int:
    return len(node.meta["val"].shape)


def _part(node: Node) -> str | None:
    """The name of the network's part that an operation is all of, if it is a ReLU6."""
    path, kind = [("", ""), *node.meta.get("nn_module_stack", {}).values()][-1]
    return str(path) if str(kind).endswith(".ReLU6") and path else None
