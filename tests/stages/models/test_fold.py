"""BatchNorm is folded exactly where a forward pass proves that it may be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from edgesmith import UserError
from edgesmith_stages.models.fold import find_pairs, fold

IMAGES = torch.rand(2, 3, 8, 8)


class Net(nn.Module):
    """A convolution and a BatchNorm; `wire` says how they are connected."""

    def __init__(self, wire: Any, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.conv, self.norm, self.wire = nn.Conv2d(3, 4, 3, padding=1), norm or nn.BatchNorm2d(4), wire
        with torch.no_grad():
            self.norm.running_mean.normal_()
            self.norm.running_var.uniform_(0.5, 2)
            if self.norm.affine:
                self.norm.weight.uniform_(0.5, 2)
                self.norm.bias.normal_()

    def forward(self, x: torch.Tensor) -> Any:
        return self.wire(self, x)


def plain(net: Net, x: torch.Tensor) -> torch.Tensor:
    return net.norm(net.conv(x))


def norms() -> list[nn.Module]:
    from timm.layers import BatchNormAct2d

    return [
        nn.BatchNorm2d(4),
        nn.BatchNorm2d(4, affine=False),
        BatchNormAct2d(4, act_layer=nn.GELU),
        BatchNormAct2d(4, apply_act=False),
        BatchNormAct2d(4, act_layer=nn.PReLU),
    ]


@pytest.mark.parametrize("norm", norms(), ids=lambda norm: type(norm).__name__)
def test_a_folded_pair_computes_the_same(norm: nn.Module) -> None:
    net = Net(plain, norm).eval()
    pairs = find_pairs(net, IMAGES)
    assert pairs == (("conv", "norm"),)
    expected = net(IMAGES)
    folded = fold(net, pairs)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    torch.testing.assert_close(folded(IMAGES), expected, atol=1e-5, rtol=1e-5)


WIRES = {
    "output used twice": lambda net, x: net.norm(y := net.conv(x)) + y,
    "output returned too": lambda net, x: (net.norm(y := net.conv(x)), y),
    "output changed in place": lambda net, x: net.norm(net.conv(x).relu_()),
    "convolution called twice": lambda net, x: net.norm(net.conv(x)) + net.conv(x),
    "norm called twice": lambda net, x: net.norm(net.norm(net.conv(x))),
    "weight used elsewhere": lambda net, x: net.norm(net.conv(x)) + net.conv.weight.sum(),
    "bias used elsewhere": lambda net, x: net.norm(net.conv(x)) + net.conv.bias.sum(),
    "norm's weight used elsewhere": lambda net, x: net.norm(net.conv(x)) * net.norm.weight.mean(),
    "something between": lambda net, x: net.norm(net.conv(x) * 2),
    "norm first": lambda net, x: net.conv(net.norm(torch.cat([x, x[:, :1]], 1))[:, :3]),
}


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES.keys())
def test_a_pair_connected_otherwise_is_left_alone(wire: Any) -> None:
    assert find_pairs(Net(wire).eval(), IMAGES) == ()


def test_a_hooked_layer_is_left_alone() -> None:
    net = Net(plain).eval()
    net.conv.register_forward_hook(lambda part, given, made: made * 2)
    assert find_pairs(net, IMAGES) == ()


def test_a_norm_of_a_subclass_is_left_alone() -> None:
    class Odd(nn.BatchNorm2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) ** 2

    assert find_pairs(Net(plain, Odd(4)).eval(), IMAGES) == ()


def test_a_recipe_of_another_model_is_refused() -> None:
    with pytest.raises(UserError, match="stem"):
        fold(Net(plain), [("stem.conv", "stem.bn")])
