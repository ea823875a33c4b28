"""Gradients that importances take their figures from."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from edgesmith_stages.pruning.importance import accumulate_gradients

IMAGES = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
TARGETS = torch.eye(3)


def gradients(index: slice) -> torch.Tensor:
    """Those of some images' cross-entropy in a linear layer's weights."""
    layer = network()
    functional.cross_entropy(layer(IMAGES[index]), TARGETS[index]).backward()
    assert layer.weight.grad is not None
    return layer.weight.grad


def network() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 3)


def test_gradients_of_batches_are_summed_up_and_older_ones_forgotten() -> None:
    layer = network()
    for _ in range(2):
        accumulate_gradients(layer, [(IMAGES[:2], TARGETS[:2]), (IMAGES[2:], TARGETS[2:])])
    torch.testing.assert_close(layer.weight.grad, gradients(slice(0, 2)) + gradients(slice(2, 3)))


def test_squares_are_those_of_each_batch() -> None:
    """Not the square of a sum, and not that of the last batch alone."""
    layer = network()
    accumulate_gradients(layer, zip(IMAGES.split(1), TARGETS.split(1), strict=True), squared=True)
    expected = sum(gradients(slice(n, n + 1)).square() for n in range(3))
    torch.testing.assert_close(layer.weight.grad, expected)
