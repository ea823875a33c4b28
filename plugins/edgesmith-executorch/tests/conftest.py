"""A small torch artifact and a dataset, made from files alone: the tests need edgesmith's contract and ExecuTorch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from edgesmith_executorch.export import ExportExecutorch
from PIL import Image
from safetensors.torch import save_file

from edgesmith import Dataset, InputContract, TorchModel, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.testing import Outcome, run_stage

SIZE, CLASSES = 32, 10
Maker = Callable[..., TorchModel]


def noise(count: int, seed: int = 0) -> np.ndarray:
    """Smooth random images, uint8 [count, SIZE, SIZE, 3]."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(SIZE // 4, axis=1).repeat(SIZE // 4, axis=2)


@pytest.fixture(scope="session")
def make_torch_model() -> Maker:
    """Write a torch artifact of a timm model with seeded weights."""

    def make(folder: Path, name: str = "test_efficientnet", **args: Any) -> TorchModel:
        import timm

        torch.manual_seed(0)
        args = {"num_classes": CLASSES, **args}
        return write_model(folder, timm.create_model(name, **args), {"op": "timm", "name": name, "args": args})

    return make


def write_model(folder: Path, module: torch.nn.Module, source: dict[str, Any]) -> TorchModel:
    """Write a torch artifact of a module that `source` makes."""
    folder.mkdir(parents=True)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
    (folder / "recipe.json").write_text(json.dumps({"source": source}))
    save_file(module.state_dict(), folder / TorchModel.main)
    contract = InputContract(size=(SIZE, SIZE), classes=tuple("0123456789"))
    contract.write(folder / CONTRACT_FILE)
    model, pixels = TorchModel(folder), noise(2)
    with torch.inference_mode():
        logits = model.module()(torch.from_numpy(contract.normalise(pixels))).numpy()
    write_golden(folder, pixels, logits)
    return model


class Blocks(Dataset):
    """Smooth noise in two unequal classes; 12 images to train on."""

    name = "blocks"
    classes = ("few", "many")

    def count(self, split):
        return 12

    def fingerprint(self, digest):
        return {"images": 12}

    def split(self, name):
        return BlockSplit(noise(12, seed=1))


class BlockSplit:
    """See `Blocks`."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._pixels = pixels
        self.labels = np.array([0] * 3 + [1] * 9)

    def __len__(self) -> int:
        return len(self._pixels)

    def image(self, index):
        return Image.fromarray(self._pixels[index])


@pytest.fixture(scope="session")
def blocks() -> type[Dataset]:
    """The dataset `blocks`."""
    return Blocks


@pytest.fixture(scope="session")
def torch_model(make_torch_model: Maker, tmp_path_factory: pytest.TempPathFactory) -> TorchModel:
    """A convolutional network of 0.1 million weights."""
    return make_torch_model(tmp_path_factory.mktemp("torch") / "model")


@pytest.fixture(scope="session")
def fp32(torch_model: TorchModel, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The network, exported in fp32."""
    return run_stage(ExportExecutorch, tmp_path_factory.mktemp("fp32"), {"model": torch_model})


@pytest.fixture(scope="session")
def int8(torch_model: TorchModel, blocks: type[Dataset], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The network, exported in int8."""
    params = {"precision": "int8", "data": "blocks", "calibration": 12}
    return run_stage(
        ExportExecutorch, tmp_path_factory.mktemp("int8"), {"model": torch_model}, params, datasets=[blocks]
    )
