"""Real images in class folders, shared by the tests of the stages."""

import pytest

from edgesmith import DatasetRef, InputContract
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.datasets.folder import Folder

CLASSES = ("0", "1", "2", "3")
COUNTS = {"train": 12, "val": 6}


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of 48 images to train on and 24 for val: the digits 0 to 3, as PNG files."""
    root = tmp_path_factory.mktemp("photos")
    digits = Digits(Digits.Params())
    for name, count in COUNTS.items():
        split = digits.split(name)
        for label, cls in enumerate(CLASSES):
            folder = root / name / cls
            folder.mkdir(parents=True)
            for place, index in enumerate((split.labels == label).nonzero()[0][:count]):
                split.image(int(index)).save(folder / f"{place:02}.png")
    return root


@pytest.fixture(scope="session")
def dataset(photos):
    """The photos as a dataset."""
    return Folder(Folder.Params(path=str(photos)))


@pytest.fixture(scope="session")
def ref(photos):
    """The photos as a stage's `data` param."""
    return DatasetRef(name="folder", path=str(photos))


@pytest.fixture(scope="session")
def contract():
    """The photos' input contract at 32 pixels."""
    return InputContract(size=(32, 32), classes=CLASSES)


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
