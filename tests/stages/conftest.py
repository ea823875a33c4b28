"""Torch artifacts for the tests of stages: small timm models, and real handwritten digits as golden images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgesmith import InputContract, TorchModel

Pixels = Callable[[int], Any]
Maker = Callable[..., TorchModel]


@pytest.fixture(scope="session")
def digit_pixels() -> Pixels:
    """Four of scikit-learn's digits at a size: uint8 [4, size, size, 3]."""
    from PIL import Image
    from sklearn.datasets import load_digits

    images = [Image.fromarray((image * 15.9).astype("uint8")) for image in load_digits().images[:4]]

    def pixels(size: int) -> Any:
        return InputContract(size=(size, size)).pixels(images)

    return pixels


@pytest.fixture(scope="session")
def make_torch_model(digit_pixels: Pixels) -> Maker:
    """Write a torch artifact of a timm model with seeded weights, ten classes, and BatchNorm far from the identity."""

    def make(folder: Path, name: str = "test_efficientnet", size: int = 32, **args: Any) -> TorchModel:
        import torch

        from edgesmith_stages.models.recipe import Recipe, create, save
        from edgesmith_stages.models.steps import Timm

        recipe = Recipe(source=Timm(name=name, args={"num_classes": 10, **args}))
        torch.manual_seed(0)
        module = create(recipe)
        shake(module)
        folder.mkdir(parents=True, exist_ok=True)
        contract = InputContract(size=(size, size), classes=tuple("0123456789"))
        save(folder, module, recipe, contract, digit_pixels(size))
        return TorchModel(folder)

    return make


def shake(module: Any) -> None:
    """Give every BatchNorm statistics and weights as training might have left them."""
    import torch

    for part in module.modules():
        if isinstance(getattr(part, "running_var", None), torch.Tensor):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias, 0, 0.1)
