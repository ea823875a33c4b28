"""Small networks that export badly, each in one way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from edgesmith import InputContract, TorchModel
from edgesmith_stages.models.recipe import Recipe, create, save
from edgesmith_stages.models.steps import Factory

SIZE = 16
CLASSES = ("cat", "dog", "owl")


class Quiet(nn.Module):
    """Three convolutions and a classifier, for images of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.third = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, len(CLASSES))

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(x).relu()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.middle(self.first(image).relu())
        return self.head(self.third(x).relu().mean((2, 3)))


class Loud(Quiet):
    """Squares numbers of some hundreds on the way, and takes the root of their sum: beyond what a half can hold."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        loud = self.second(x).relu() * 2000 + 300
        return ((loud * loud).mean((2, 3), keepdim=True).sqrt() - 300) / 2000 * x


class Fixed(Quiet):
    """Takes images of one size."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert image.shape[-2:] == (SIZE, SIZE), "16 pixels only"
        return super().forward(image)


class Stepped(Quiet):
    """Halves the image twice and doubles it again: sides are multiples of four."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        small = nn.functional.avg_pool2d(nn.functional.avg_pool2d(self.second(x), 2), 2)
        return x + nn.functional.interpolate(small, scale_factor=4)


class Sliced(Quiet):
    """Takes a slice of everything, which torch makes an alias."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        return super().middle(x)[:, :8, :, :] + 1


class Attentive(Quiet):
    """Attends: coremltools puts transposes around the products, and takes them back in the end."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = x.shape
        rows = self.second(x).flatten(2).mT.reshape(batch, height * width, 2, 4)
        q, k, v = rows.repeat(1, 1, 1, 3).split([4, 4, 4], dim=3)
        weights = (q.transpose(1, 2) @ k.permute(0, 2, 3, 1)).softmax(-1)
        mixed = (weights @ v.transpose(1, 2)).transpose(1, 2).reshape(batch, height * width, channels)
        return x + mixed.mT.reshape(x.shape)


class Swish(Quiet):
    """With a product that coremltools merges with the sigmoid before it."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(x)
        return y * y.sigmoid()


class Fused(Quiet):
    """Multiplies and adds at once, for which coremltools has no word, but torch knows two that it has."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addcmul(x, self.second(x), x, value=0.5)


class Fancy(Quiet):
    """With a function in its second layer that coremltools has no word for, or doesn't take as it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.fancy = Bessel()

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        return self.fancy(x)


class Bessel(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(x)


class Dilated(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.max_pool2d(x, 3, stride=1, padding=1, dilation=2).mean((2, 3), keepdim=True) + x


class Awkward(Fancy):
    """With an operator that coremltools knows, and stumbles over."""

    def __init__(self) -> None:
        super().__init__()
        self.fancy = Dilated()  # type: ignore[assignment]


class Branch(nn.Module):
    """Two convolutions of the same input, to be merged."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.merged: nn.Conv2d | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.one(x) + self.two(x) if self.merged is None else self.merged(x)

    def reparameterize(self) -> None:
        self.merged = nn.Conv2d(8, 8, 3, padding=1)
        self.merged.weight.data = self.one.weight + self.two.weight
        self.merged.bias.data = self.one.bias + self.two.bias
        del self.one, self.two


class Branched(Quiet):
    """With such a branch."""

    def __init__(self) -> None:
        super().__init__()
        self.second = Branch()  # type: ignore[assignment]


def quiet() -> nn.Module:
    return _seeded(Quiet)


def loud() -> nn.Module:
    return _seeded(Loud)


def fixed() -> nn.Module:
    return _seeded(Fixed)


def stepped() -> nn.Module:
    return _seeded(Stepped)


def sliced() -> nn.Module:
    return _seeded(Sliced)


def attentive() -> nn.Module:
    return _seeded(Attentive)


def swish() -> nn.Module:
    return _seeded(Swish)


def fused() -> nn.Module:
    return _seeded(Fused)


def fancy() -> nn.Module:
    return _seeded(Fancy)


def awkward() -> nn.Module:
    return _seeded(Awkward)


def branched() -> nn.Module:
    return _seeded(Branched)


def write(folder: Path, network: Callable[[], nn.Module]) -> TorchModel:
    """Write one of these networks as an artifact."""
    recipe = Recipe(source=Factory(target=f"{network.__module__}:{network.__name__}"))
    folder.mkdir(parents=True)
    contract = InputContract(size=(SIZE, SIZE), classes=CLASSES)
    save(folder, create(recipe), recipe, contract, pixels())
    return TorchModel(folder, "a digest")


def pixels(count: int = 2, size: int = SIZE) -> Any:
    """Images of noise, uint8 [count, size, size, 3]."""
    return np.random.default_rng(1).integers(0, 256, (count, size, size, 3), np.uint8)


def _seeded(cls: type[nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = cls()
    with torch.no_grad():
        for part in made.modules():
            if isinstance(part, nn.Conv2d):
                part.weight.mul_(2)
    return made.eval()
