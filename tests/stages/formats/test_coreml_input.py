"""Normalisation folded into networks: exact where it is folded, exact where it can't be."""

from __future__ import annotations

from typing import Any

import pytest

from edgesmith import InputContract

pytestmark = pytest.mark.slow

CONTRACT = InputContract(size=(8, 8))


def network(kind: str) -> Any:
    """Networks that take the image in different ways."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Padded(nn.Module):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.value = value
            self.conv = nn.Conv2d(3, 4, 3, stride=2)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.conv(functional.pad(image, (0, 1, 0, 1), value=self.value)).mean((2, 3))

    class Branches(nn.Module):
        def __init__(self, identity: bool) -> None:
            super().__init__()
            self.identity = identity
            self.one, self.three = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            both = self.one(image) + self.three(image)
            return (both + image if self.identity else both).mean((2, 3))

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.conv(self.conv(image)).mean((2, 3))

    torch.manual_seed(0)
    flat = nn.Flatten()
    made = {
        "convolution": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), flat),
        "padded": lambda: Padded(0.0),
        "branches": lambda: Branches(identity=False),
        "padded with ones": lambda: Padded(1.0),
        "depthwise": lambda: nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.AdaptiveAvgPool2d(1), flat),
        "skip connection": lambda: Branches(identity=True),
        "shared weight": Shared,
        "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 4)),
    }
    return made[kind]().eval()


FOLDED = ["convolution", "padded", "branches"]
MULTIPLIED = ["padded with ones", "depthwise", "skip connection", "shared weight", "linear"]


@pytest.mark.parametrize("kind", FOLDED + MULTIPLIED)
def test_the_centred_network_is_the_same_function(kind: str) -> None:
    """On pixels / 255 - mean it gives what the network gives on the normalised image."""
    import numpy as np
    import torch

    from edgesmith_stages.formats.coreml_input import centred

    module = network(kind)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), np.uint8)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    program = centred(module, CONTRACT.std, torch.zeros(1, 3, 8, 8), None)
    mean = np.asarray(CONTRACT.mean, np.float32)
    rows = torch.from_numpy((pixels.astype(np.float32) / 255 - mean).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        wanted = module(torch.from_numpy(CONTRACT.normalise(pixels)))
        torch.testing.assert_close(program.module()(rows), wanted, rtol=1e-5, atol=1e-6)
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert ("inverse_std" in program.state_dict) == (kind in MULTIPLIED)
