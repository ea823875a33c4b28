"""Which layers can share scales, found in exported graphs of small networks."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from edgesmith import InputContract
from edgesmith_stages.equalization.graph import Found, Layer, Pair, exported, find


class Branches(nn.Module):
    """Every way in which a layer's result can go on."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.depth = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.prelu = nn.PReLU(8)
        self.point = nn.Conv2d(8, 8, 1, bias=False)
        self.skipped = nn.Conv2d(8, 8, 1)
        self.smooth = nn.Conv2d(8, 8, 1)
        self.clamped = nn.Conv2d(8, 8, 1)
        self.clamp = nn.ReLU6(inplace=True)
        self.twice = nn.Conv2d(8, 8, 1)
        self.last = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, 2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.depth(functional.relu(self.stem(image), inplace=True))
        x = self.point(functional.max_pool2d(self.prelu(x), 2))
        x = x + self.skipped(x)
        x = functional.silu(self.smooth(x))
        x = self.clamp(self.clamped(x))
        x = self.twice(self.twice(x))
        return self.head(functional.adaptive_avg_pool2d(functional.relu(self.last(x)), 1).flatten(1))


class Attention(nn.Module):
    """Norms that can be smoothed, and norms that can't."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.LayerNorm(8)
        self.query, self.key = nn.Linear(8, 8), nn.Linear(8, 8, bias=False)
        self.plain = nn.LayerNorm(8, elementwise_affine=False)
        self.value = nn.Linear(8, 8)
        self.skipped = nn.LayerNorm(8)
        self.images = nn.GroupNorm(1, 3)
        self.conv = nn.Conv2d(3, 8, 1)
        self.head = nn.Linear(8, 2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.conv(self.images(image)).flatten(2).transpose(1, 2)
        normed = self.both(x)
        x = torch.sigmoid(self.query(normed)) * self.key(functional.dropout(normed, training=self.training))
        x = self.value(self.plain(x))
        x = self.skipped(x)
        return self.head(x + torch.sigmoid(x)).mean(1)


def found(network: nn.Module) -> Found:
    contract = InputContract(size=(8, 8), classes=("a", "b"))
    return find(exported(network, contract), network)


@pytest.fixture(scope="module")
def branches() -> Found:
    return found(Branches())


@pytest.fixture(scope="module")
def attention() -> Found:
    return found(Attention())


def test_layers_joined_by_what_is_homogeneous_are_pairs(branches: Found) -> None:
    assert branches.pairs == (
        Pair(Layer("stem.weight", "stem.bias"), Layer("depth.weight", "depth.bias", 8)),
        Pair(Layer("depth.weight", "depth.bias", 8), Layer("point.weight")),
        Pair(Layer("last.weight", "last.bias"), Layer("head.weight", "head.bias")),
    )


def test_what_is_left_says_why(branches: Found) -> None:
    assert branches.left == {
        "point": "2 operations read its result",
        "skipped": "`add` behind it",
        "smooth": "`silu` behind it",
        "clamped": "twice behind it: its weight is shared",
        "twice": "its weight is shared",
        "head": "the network's output",
    }


def test_norms_that_linear_layers_alone_read_can_be_smoothed(attention: Found) -> None:
    assert [(norm.name, [layer.name for layer in norm.readers], norm.channel) for norm in attention.norms] == [
        ("images", ["conv"], 1),
        ("both", ["query", "key"], 2),
    ]
    assert attention.left["skipped"] == "`sigmoid` reads it"
    assert "its affine is missing or shared" in attention.left.values()


def test_a_relu6_between_two_layers_is_named() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU6(), nn.Conv2d(4, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    (pair,) = found(network).pairs
    assert pair.clamps == ("1",)


def test_other_clamps_stay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Hardtanh(0, 1), nn.Conv2d(4, 2, 1), nn.AdaptiveAvgPool2d(1))
    result = found(network)
    assert not result.pairs
    assert result.left["0"] == "`hardtanh` behind it"
