"""Cross-layer equalisation: neighbours' channels get the same range, and the network computes the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgesmith.parity import sqnr_db
from edgesmith_stages.equalization.balance import along_input, equalize, input_ranges, output_ranges, spreads
from edgesmith_stages.equalization.graph import Layer, Pair

ACTIVATIONS = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "leaky": lambda: nn.LeakyReLU(0.1),
    "prelu": nn.PReLU,
}
KINDS = ("pointwise", "depthwise", "grouped", "full")


def chain(kinds: list[str], activations: list[str], seed: int) -> tuple[nn.Sequential, list[Pair]]:
    """Convolutions of 8 channels with an activation between each two, their channels' ranges far apart."""
    torch.manual_seed(seed)
    parts: list[nn.Module] = [nn.Conv2d(3, 8, 3, padding=1)]
    for kind, activation in zip(kinds, activations, strict=True):
        groups = {"depthwise": 8, "grouped": 2}.get(kind, 1)
        size = 1 if kind == "pointwise" else 3
        parts += [ACTIVATIONS[activation](), nn.Conv2d(8, 8, size, padding=size // 2, groups=groups)]
    network = nn.Sequential(*parts).eval()
    layers = []
    for index in range(0, len(parts), 2):
        convolution: Any = network[index]
        convolution.weight.data *= (10 ** torch.empty(8).uniform_(-2, 2)).reshape(-1, 1, 1, 1)
        layers.append(Layer(f"{index}.weight", f"{index}.bias", convolution.groups))
    return network, [Pair(first, second) for first, second in pairwise(layers)]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(sorted(ACTIVATIONS))), min_size=1, max_size=4),
    st.integers(0, 2**16),
)
def test_chains_keep_their_function_and_neighbours_ranges_agree(parts: list[tuple[str, str]], seed: int) -> None:
    network, pairs = chain([kind for kind, _ in parts], [activation for _, activation in parts], seed)
    images = torch.randn(2, 3, 6, 6)
    with torch.no_grad():
        before = network(images)
        equalize(network, pairs)
        after = network(images)
    assert sqnr_db(before.numpy(), after.numpy()) > 100
    for pair in pairs:
        given_ = output_ranges(network.get_parameter(pair.first.weight).detach())
        read = input_ranges(network.get_parameter(pair.second.weight).detach(), pair.second.groups)
        ratio = given_ / read
        assert float(ratio.max() / ratio.min()) < 1.01


def test_ranges_of_one_layer_come_closer() -> None:
    network, pairs = chain(["depthwise", "pointwise"], ["relu", "relu"], 0)
    firsts = [pair.first for pair in pairs]
    before = spreads(network, firsts)
    equalize(network, pairs)
    after = spreads(network, firsts)
    assert all(after[name] < before[name] / 5 for name in before)


def test_channels_without_weights_stay() -> None:
    network, pairs = chain(["pointwise"], ["relu"], 0)
    first: Any = network[0]
    first.weight.data[3] = 0
    bias = first.bias[3].item()
    equalize(network, pairs)
    assert first.bias[3].item() == bias
    assert torch.isfinite(first.weight).all()


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_a_groups_input_channels_are_those_that_its_outputs_read(groups: int) -> None:
    scales = torch.arange(1.0, 9)
    weight = torch.ones(16, 8 // groups, 3, 3)
    convolution = nn.Conv2d(8, 16, 3, groups=groups, bias=False)
    image = torch.randn(1, 8, 5, 5)
    convolution.weight.data = weight * along_input(scales, weight, groups)
    scaled = convolution(image)
    convolution.weight.data = weight
    torch.testing.assert_close(scaled, convolution(image * scales.reshape(1, -1, 1, 1)))
    assert input_ranges(weight * along_input(scales, weight, groups), groups).tolist() == scales.tolist()
