"""Cross-layer equalisation: channels' weights of two neighbours get the same range (Nagel et al., arXiv 1906.04721)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

    from edgesmith_stages.equalization.graph import Layer, Pair

SWEEPS = 200
SETTLED = 1e-3
"""Sweeps end when no pair's scales differ from one another by more, or after so many. What all channels of a layer have
in common makes no difference to integers, and takes long to spread along a deep network."""


def equalize(module: nn.Module, pairs: Sequence[Pair]) -> int:
    """Scale the channels of all pairs, in place, until they settle; return the number of sweeps.

    The i-th output channel of `first` is divided by s_i = sqrt(r1_i / r2_i), and `second` multiplied by it along its
    i-th input channel, r being the largest magnitude of a channel's weights: both are sqrt(r1_i r2_i) then. A depthwise
    layer is second of one pair and first of another; sweeps over all pairs bring the three together. Channels
    without weights on either side stay.
    """
    import torch

    layers = {layer.weight: layer for pair in pairs for layer in (pair.first, pair.second)}
    # In double precision, and rounded once: a channel is scaled as often as there are sweeps.
    weights = {name: module.get_parameter(name).detach().double().clone() for name in layers}
    biases = {
        layer.bias: module.get_parameter(layer.bias).detach().double().clone()
        for layer in layers.values()
        if layer.bias
    }
    sweeps, largest = 0, SETTLED
    while largest >= SETTLED and sweeps < SWEEPS:
        sweeps, largest = sweeps + 1, 0.0
        for pair in pairs:
            first, second = pair.first, pair.second
            given, read = output_ranges(weights[first.weight]), input_ranges(weights[second.weight], second.groups)
            alive = (given > 0) & (read > 0)
            scales = torch.where(alive, (given / read.where(alive, read.new_ones(()))).sqrt(), given.new_ones(()))
            weights[first.weight] /= along_output(scales, weights[first.weight])
            if first.bias:
                biases[first.bias] /= scales
            weights[second.weight] *= along_input(scales, weights[second.weight], second.groups)
            even = scales[alive]
            largest = max(largest, float((even / even.median() - 1).abs().max()) if len(even) else 0.0)
    for name, value in {**weights, **biases}.items():
        parameter = module.get_parameter(name)
        parameter.data.copy_(value.to(parameter.dtype))
    return sweeps


def spreads(module: nn.Module, layers: Iterable[Layer]) -> Mapping[str, float]:
    """Return, by weight, the largest channel's range over the smallest one's; output channels without weights don't
    count."""
    found = {}
    for layer in layers:
        ranges = output_ranges(module.get_parameter(layer.weight).detach())
        alive = ranges[ranges > 0]
        found[layer.weight] = float(alive.max() / alive.min()) if len(alive) else 1.0
    return found


def output_ranges(weight: torch.Tensor) -> torch.Tensor:
    """Largest magnitude by output channel: [out] of a weight [out, in, ...]."""
    return weight.abs().flatten(1).amax(1)


def input_ranges(weight: torch.Tensor, groups: int) -> torch.Tensor:
    """Largest magnitude by input channel: [in] of a weight [out, in / groups, ...]."""
    kernels = weight.abs().flatten(2).amax(2) if weight.dim() > 2 else weight.abs()
    return kernels.unflatten(0, (groups, -1)).amax(1).flatten()


def along_output(scales: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Shape scales [out] to be multiplied with a weight [out, in, ...]."""
    return scales.reshape(-1, *[1] * (weight.dim() - 1))


def along_input(scales: torch.Tensor, weight: torch.Tensor, groups: int) -> torch.Tensor:
    """Shape scales [in] to be multiplied with a weight [out, in / groups, ...]."""
    rows = scales.unflatten(0, (groups, -1)).repeat_interleave(weight.shape[0] // groups, 0)
    return rows.reshape(*rows.shape, *[1] * (weight.dim() - 2))
