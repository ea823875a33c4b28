"""Intermediate results of torch modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgesmith import Tap
from edgesmith_stages.runtimes.torch_taps import tap


class Block(nn.Module):
    """A bit of everything: layers, an operator, work in place, weights that are prepared at run time."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.act = nn.ReLU(inplace=True)
        self.scale = nn.Parameter(torch.arange(3.0).reshape(3, 1, 1))

    def forward(self, image: Any) -> Any:
        """Of [N, 3, H, W], the same shape."""
        halves = (image + self.act(self.conv(image)) * self.scale.exp()).chunk(2, dim=2)
        return torch.cat(halves[::-1], 2)


def seen(module: nn.Module, image: torch.Tensor) -> list[Tap]:
    """Copies of all results."""
    found: list[Tap] = []
    tap(module.eval(), image, lambda one: found.append(Tap(one.name, one.op, one.value.copy())))
    return found


@pytest.fixture
def image() -> torch.Tensor:
    """[1, 3, 4, 4]."""
    return torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 4, 4)).astype(np.float32))


def test_every_operation_shows_under_its_modules_path(image: torch.Tensor) -> None:
    """Operators under that of the module that has them; of a list all elements. The weights' own exp is none."""
    found = seen(nn.Sequential(Block(), nn.Flatten(), nn.Linear(48, 2)), image)
    assert [(one.name, one.op) for one in found] == [
        ("0.conv", "conv2d"),
        ("0.act", "relu"),
        ("0", "mul"),
        ("0", "add"),
        ("0", "chunk"),
        ("0", "chunk"),
        ("0", "cat"),
        ("1", "flatten"),
        ("2", "linear"),
    ]


def test_values_are_those_of_the_moment(image: torch.Tensor) -> None:
    """Before an operation in place writes over them."""
    module = Block()
    found = {one.op: one.value for one in seen(module, image)}
    with torch.inference_mode():
        conv = module.conv(image)
        np.testing.assert_array_equal(found["conv2d"], conv)
        np.testing.assert_array_equal(found["relu"], conv.clamp(min=0))
        np.testing.assert_array_equal(found["cat"], module(image))


def test_the_module_is_left_as_it_was(image: torch.Tensor) -> None:
    """Without hooks, also after an error."""
    module = Block()
    with pytest.raises(RuntimeError):
        seen(module, image[:, :2])
    assert not module.conv._forward_hooks
    assert not module.conv._forward_pre_hooks
    assert len(seen(module, image)) == 7
