"""Ranges that move from activations behind norms to the weights that read them (SmoothQuant, Xiao et al., arXiv
2211.10438)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn
    from torch.fx import GraphModule

    from edgesmith import InputContract
    from edgesmith_stages.equalization.graph import Norm

Ranges = Mapping[str, "torch.Tensor"]


def observe(
    graph: GraphModule, norms: Sequence[Norm], contract: InputContract, images: NDArray[np.uint8]
) -> dict[str, torch.Tensor]:
    """Return the largest magnitude of each channel behind each norm: float32 [channels], by the norm's node.

    Args:
        graph: of `graph.exported`.
        norms: of `graph.find`.
        contract: of the network's input.
        images: uint8 [N, H, W, C].
    """
    import torch
    from torch.fx import Interpreter

    channels = {norm.node: norm.channel for norm in norms}
    found: dict[str, torch.Tensor] = {}

    class Observer(Interpreter):  # type: ignore[misc]
        def run_node(self, n: Any) -> Any:
            value = super().run_node(n)
            if n.name in channels:
                largest = value.abs().movedim(channels[n.name], 0).flatten(1).amax(1)
                found[n.name] = torch.maximum(found[n.name], largest) if n.name in found else largest
            return value

    observer = Observer(graph)
    with torch.no_grad():
        for image in images:  # the graph is for one
            observer.run(torch.from_numpy(contract.normalise(image[None])))
    return found


def smooth(module: nn.Module, norms: Sequence[Norm], ranges: Ranges, alpha: float) -> dict[str, torch.Tensor]:
    """Divide each channel behind a norm by s_j = max|X_j|^alpha / max|W_j|^(1 - alpha), in place.

    The norm's affine takes the division, and the layers behind multiply their weights' j-th input channel by s_j.
    Channels without activations or weights stay.

    Args:
        module: the network.
        norms: of `graph.find`.
        ranges: of `observe`.
        alpha: how much of the range moves, 0 to 1.

    Returns:
        The scales, float64 [channels], by the norm's node.
    """
    import torch

    from edgesmith_stages.equalization.balance import along_input, input_ranges

    found = {}
    for norm in norms:
        given = ranges[norm.node].double()
        weights = [module.get_parameter(layer.weight) for layer in norm.readers]
        each = [input_ranges(one.detach(), layer.groups) for one, layer in zip(weights, norm.readers, strict=True)]
        read = torch.stack(each).amax(0).double()
        alive = (given > 0) & (read > 0)
        scales = torch.where(alive, given**alpha / read.where(alive, read.new_ones(())) ** (1 - alpha), 1.0)
        for one, layer in zip(weights, norm.readers, strict=True):
            one.data.copy_(one.detach().double() * along_input(scales, one, layer.groups))
        for name in (norm.weight, norm.bias):
            if name:
                affine = module.get_parameter(name)
                affine.data.copy_(affine.detach().double() / scales)
        found[norm.node] = scales
    return found


def spread(ranges: torch.Tensor) -> float:
    """The largest of the ranges over their median: what one scale for all of them costs most of them."""
    alive = ranges[ranges > 0]
    return float(alive.max() / alive.median()) if len(alive) else 1.0
