"""From a float module to one that computes in int8: export, observe, fix, convert."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from edgesmith.conversion import converting
from edgesmith_stages.hush import hushed
from edgesmith_stages.quantize.torch_pt2e.annotate import annotate, split_silu
from edgesmith_stages.quantize.torch_pt2e.network import network
from edgesmith_stages.quantize.torch_pt2e.specs import Specs, specs

if TYPE_CHECKING:
    import torch
    from torch import nn

Shape = tuple[int, int, int]

PARTS = ("min_val", "max_val")
"""What an observer remembers of the data."""


def prepared(module: nn.Module, shape: Shape, excluded: Collection[str], *, training: bool = False) -> Any:
    """Export a module and put an observer, or for training fake quantisation, on every tensor that becomes int8.

    Args:
        module: float32, on the CPU, BatchNorm folded.
        shape: of one image, [C, H, W]; the batch stays open.
        excluded: operators to leave in float (`annotate.OPERATORS`).

    Returns:
        A GraphModule, whose names are those of the module.

    Raises:
        StageFailed: the module can't be exported.
    """
    import torch

    hint = "replace that operator in the model, or quantise the exported file"
    with hushed(), converting("torch.export", "a graph of the model", hint):
        from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e, prepare_qat_pt2e

        batch = torch.export.Dim("batch", min=1)
        example = torch.zeros(2, *shape)
        graph = torch.export.export(module.eval(), (example,), dynamic_shapes=({0: batch},)).module()
        prepare = prepare_qat_pt2e if training else prepare_pt2e
        return prepare(graph, _quantizer(specs(training), excluded))


def replayed(module: nn.Module, shape: Shape, excluded: Collection[str]) -> nn.Module:
    """Return the module that a quantised model's weights fit: prepared, its observers with their final shapes."""
    import torch

    graph = prepared(module, shape, excluded)
    with torch.no_grad():
        graph(torch.zeros(1, *shape))
    return network(graph)


def encode(graph: Any) -> None:
    """Replace every weight that becomes int8 by its codes, in place: a quarter of the bytes, and nothing is lost."""
    from torch import nn

    for name, scale in _weights(graph):
        weight = graph.get_parameter(name)
        codes = (weight.detach() / scale).round().clamp(-127, 127)
        owner, _, last = name.rpartition(".")
        setattr(graph.get_submodule(owner), last, nn.Parameter(codes.char(), requires_grad=False))


def converted(replayed: nn.Module) -> nn.Module:
    """Return the module that computes as the int8 kernels will, with quantise and dequantise operators in it.

    Args:
        replayed: what `replayed` gave, with codes and ranges loaded; it is used up.
    """
    import torch

    graph: Any = replayed.body
    with torch.no_grad():
        for name, scale in _weights(graph):
            graph.get_parameter(name).mul_(scale)
    return fixed(graph)


def fixed(graph: Any) -> nn.Module:
    """Return the int8 module of a prepared graph as its ranges are now; the graph is used up."""
    with hushed():
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

        # Weights stay in float before their quantise operator: LiteRT's converter takes them no other way.
        return network(convert_pt2e(graph, fold_quantize=False)).eval()


def fold_weights(module: nn.Module) -> None:
    """Replace weights before quantise operators by their int8 codes, in place."""
    import torch
    from torchao.quantization.pt2e.constant_fold import constant_fold

    quantise = torch.ops.quantized_decomposed.quantize_per_channel.default
    constant_fold(module.body, lambda node: node.op == "call_function" and node.target is quantise)


def observers(graph: Any) -> dict[str, Any]:
    """Return the observers of a prepared graph by name; those inside of fake quantisation under its name."""
    from torchao.quantization.pt2e import FakeQuantizeBase, ObserverBase

    found = {}
    for name, part in graph.named_children():
        inner = part.activation_post_process if hasattr(part, "activation_post_process") else part
        if isinstance(part, (FakeQuantizeBase, ObserverBase)) and hasattr(inner, "min_val"):
            found[name] = inner
    return found


def give_ranges(source: Any, target: Any) -> None:
    """Copy the ranges of one prepared graph to another of the same module."""
    taken = observers(source)
    for name, observer in observers(target).items():
        for part in PARTS:
            setattr(observer, part, getattr(taken[name], part).detach().clone())
        fake = getattr(target, name)
        if fake is not observer:
            scale, zero_point = observer.calculate_qparams()
            fake.scale, fake.zero_point = scale, zero_point.to(fake.zero_point.dtype)


def count(graph: Any) -> dict[str, int]:
    """Return figures: how many weights and activations become int8."""
    weights = sum(1 for _ in _weights(graph))
    return {"int8_weights": weights, "int8_activations": len(observers(graph)) - weights}


def _weights(graph: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the name of each weight that becomes int8, once, and its scales in its own rank."""
    seen: set[str] = set()
    known = observers(graph)
    for node in graph.graph.nodes:
        if node.op != "call_module" or node.target not in known or node.args[0].op != "get_attr":
            continue
        name, observer = node.args[0].target, known[node.target]
        if name in seen:
            continue
        seen.add(name)
        scale, _ = observer.calculate_qparams()
        yield name, scale.reshape(-1, *[1] * (graph.get_parameter(name).dim() - 1))


def _quantizer(specifications: Specs, excluded: Collection[str]) -> Any:
    from torchao.quantization.pt2e.quantizer import Quantizer

    class Integer(Quantizer):  # type: ignore[misc]
        """Marks what `annotate` says."""

        def transform_for_annotation(self, model: Any) -> Any:
            split_silu(model.graph)
            model.recompile()
            return model

        def annotate(self, model: Any) -> Any:
            annotate(model.graph, specifications, excluded)
            return model

        def validate(self, model: Any) -> None:
            """Nothing to look for."""

    return Integer()
