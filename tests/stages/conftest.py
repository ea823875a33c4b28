"""Torch artifacts for the tests of stages: small timm models, and real handwritten digits as golden images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import edgesmith.boot
from edgesmith import DatasetRef, InputContract, Model, TorchModel, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.testing import LocalContext, Outcome

Pixels = Callable[[int], Any]
Maker = Callable[..., TorchModel]
ExportTflite = Callable[..., Outcome | str]


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


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Outcome]:
    """Have a stage's outcome made by the first of xdist's workers that asks for it, and read by the others."""
    import os

    from filelock import FileLock

    base = tmp_path_factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def shared(name: str, kind: type[Model], make: Callable[[Path], Outcome | str]) -> Outcome:
        folder = place / f"shared-{name}"
        with FileLock(folder.with_suffix(".lock")):
            figures = folder / "figures.json"
            if not figures.exists():
                made = make(folder)
                assert isinstance(made, Outcome), made
                figures.write_text(json.dumps(made.figures))
        return Outcome({"model": kind(folder / "model")}, json.loads(figures.read_text()))

    return shared


@pytest.fixture(scope="session")
def trained_model(once: Callable[..., Outcome]) -> TorchModel:
    """A small convolutional network that reads digits: 32 px, about 0.97 right."""
    from edgesmith.testing import run_stage
    from edgesmith_stages.datasets.digits import Digits
    from edgesmith_stages.train import Train

    params = {"model": "test_byobnet", "data": "digits", "image_size": 32, "epochs": 4}
    made = once("torch", TorchModel, lambda folder: run_stage(Train, folder, params=params, datasets=[Digits]))
    return made.outputs["model"]  # type: ignore[return-value]


@pytest.fixture(scope="session")
def onnx_model(trained_model: TorchModel, once: Callable[..., Outcome]) -> Outcome:
    """The trained model as ONNX, with the figures of its export."""
    from edgesmith import OnnxModel
    from edgesmith.testing import run_stage
    from edgesmith_stages.export_onnx import ExportOnnx

    def make(folder: Path) -> Outcome:
        return run_stage(ExportOnnx, folder, {"model": trained_model}, {"dynamic_batch": True})

    return once("onnx", OnnxModel, make)


@pytest.fixture(scope="session")
def coreml_model(trained_model: TorchModel, once: Callable[..., Outcome]) -> Outcome:
    """The trained model as a Core ML package, with the figures of its export."""
    from edgesmith import CoreMLModel
    from edgesmith.testing import run_stage
    from edgesmith_stages.export_coreml import ExportCoreML

    def make(folder: Path) -> Outcome:
        return run_stage(ExportCoreML, folder, {"model": trained_model}, {"target": "iOS18"})

    return once("coreml", CoreMLModel, make)


@pytest.fixture(scope="session")
def export_tflite(tmp_path_factory: pytest.TempPathFactory) -> ExportTflite:
    """Run `export-tflite` in its own environment, as a pipeline would: its outcome, or the error's text."""
    import subprocess

    from edgesmith import TfliteModel
    from edgesmith.testing import bridge_to
    from edgesmith_flows.toolchains import Toolchains
    from edgesmith_stages import export_tflite as module

    python = Toolchains().build(module.ExportTflite.toolchain(module.ExportTflite.Params(), {})).python
    boot = Path(edgesmith.boot.__file__)
    bridge = json.dumps({**bridge_to(module.ExportTflite), "isolated": str(Path(__file__).with_name("isolated.py"))})

    def run(model: TorchModel, folder: Path | None = None, **params: Any) -> Outcome | str:
        folder = folder or tmp_path_factory.mktemp("tflite")
        folder.mkdir(exist_ok=True)
        kind = f"{type(model).__module__}:{type(model).__name__}"
        command = [python, "-I", str(boot), bridge, "isolated", kind, str(model.path), str(folder), json.dumps(params)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout.splitlines()[-1])
        return answer["error"] or Outcome({"model": TfliteModel(folder / "model")}, answer["figures"])

    return run


@pytest.fixture(scope="session")
def tflite_model(trained_model: TorchModel, export_tflite: ExportTflite, once: Callable[..., Outcome]) -> Outcome:
    """The trained model as TFLite, with the figures of its export."""
    from edgesmith import TfliteModel

    return once("tflite", TfliteModel, lambda folder: export_tflite(trained_model, folder))


@pytest.fixture(scope="session")
def make_odd_model(digit_pixels: Pixels) -> Callable[[Path], TorchModel]:
    """Write a torch artifact of a network with an operator that no converter knows."""

    def make(folder: Path) -> TorchModel:
        from edgesmith_stages.models.recipe import Recipe, create, save
        from edgesmith_stages.models.steps import Factory

        target = f"{odd_network.__module__}:{odd_network.__name__}"
        recipe = Recipe(source=Factory(target=target))
        folder.mkdir(parents=True)
        contract = InputContract(size=(16, 16), classes=("a", "b"))
        save(folder, create(recipe), recipe, contract, digit_pixels(16))
        return TorchModel(folder)

    return make


def odd_network() -> Any:
    """A network around a Bessel function."""
    import torch

    class Odd(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 2)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.layer(torch.special.bessel_j0(image).mean((2, 3)))

    return Odd().eval()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 48 images to train on and 24 for val: the digits 0 to 3, as PNG files."""
    from edgesmith_stages.datasets.digits import Digits

    root = tmp_path_factory.mktemp("photos")
    digits = Digits(Digits.Params())
    for name, count in (("train", 12), ("val", 6)):
        split = digits.split(name)  # type: ignore[arg-type]
        for label in range(4):
            folder = root / name / str(label)
            folder.mkdir(parents=True)
            for place, index in enumerate((split.labels == label).nonzero()[0][:count]):
                split.image(int(index)).save(folder / f"{place:02}.png")
    return root


@pytest.fixture(scope="session")
def dataset(photos: Path) -> Any:
    """The photos as a dataset."""
    from edgesmith_stages.datasets.folder import Folder

    return Folder(Folder.Params(path=str(photos)))


@pytest.fixture(scope="session")
def ref(photos: Path) -> DatasetRef:
    """The photos as a stage's `data` param."""
    return DatasetRef(name="folder", path=str(photos))


@pytest.fixture
def some_digits(tmp_path: Path, photos: Path) -> DatasetRef:
    """The photos of the digits 1 and 3 alone."""
    import shutil

    for split in ("train", "val"):
        for name in ("1", "3"):
            shutil.copytree(photos / split / name, tmp_path / "some" / split / name)
    return DatasetRef(name="folder", path=str(tmp_path / "some"))


@pytest.fixture(scope="session")
def contract() -> InputContract:
    """The photos' input contract at 32 pixels."""
    return InputContract(size=(32, 32), classes=("0", "1", "2", "3"))


@pytest.fixture(scope="session")
def save_timm(contract, dataset):
    """Write a timm classifier with seeded random weights; return the artifact."""
    from edgesmith import TorchModel
    from edgesmith_stages.models.recipe import Recipe, create, save
    from edgesmith_stages.models.steps import Timm

    def write(folder, name="test_efficientnet", contract=contract, seed=0):
        import torch

        folder.mkdir(parents=True, exist_ok=True)
        recipe = Recipe(source=Timm(name=name, args={"num_classes": len(contract.classes)}))
        torch.manual_seed(seed)
        save(folder, create(recipe).eval(), recipe, contract, contract.pixels([dataset.split("val").image(0)]))
        return TorchModel(folder)

    return write


@pytest.fixture(scope="session")
def labourer(playground: ModuleType) -> Callable[..., Model]:
    """Write a sign that works in a mood, in small processes: `steady`, `tiring`, `leaky`, `picky`."""
    import numpy as np

    def write(folder: Path, mood: str = "steady", work: int = 10, factor: float = 0.05) -> Model:
        folder.mkdir(parents=True)
        (folder / playground.kinds.Sign.main).write_text(f"{factor} {mood} {work}")
        contract = InputContract(size=(8, 8), classes=tuple("0123456789"))
        contract.write(folder / CONTRACT_FILE)
        pixels = np.full((2, 8, 8, 3), 100, np.uint8)
        answer = (contract.feed(pixels).reshape(2, -1).mean(axis=1) * factor).astype(int) % 10
        write_golden(folder, pixels, np.eye(10, dtype=np.float32)[answer])
        made: Model = playground.kinds.Sign(folder)
        return made

    return write


@pytest.fixture(scope="session")
def labour(playground: ModuleType) -> Callable[[Path], LocalContext]:
    """A context whose runtime is the labourers'."""
    from edgesmith_stages.datasets.digits import Digits
    from edgesmith_stages.datasets.random_images import RandomImages

    def make(folder: Path) -> LocalContext:
        return LocalContext(folder, datasets=[RandomImages, Digits], runtimes=[playground.runtime.LabourRuntime])

    return make
