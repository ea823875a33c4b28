"""A split's images, whole or some of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgesmith import DatasetRef, InputContract
from edgesmith.testing import LocalContext
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.images import Images

CONTRACT = InputContract(size=(4, 4))
CLASSES, EACH = 4, 20


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four classes; the shade tells class and number."""
    root = tmp_path_factory.mktemp("photos")
    for label in range(CLASSES):
        (root / f"class{label}").mkdir()
        for number in range(EACH):
            Image.new("L", (4, 4), 50 * label + number).save(root / f"class{label}" / f"{number:02}.png")
    return root


@pytest.fixture
def images(photos: Path, tmp_path: Path):
    def images(limit: int | None = None, seed: int = 0) -> Images:
        ctx = LocalContext(tmp_path, datasets=[Folder], seed=seed)
        ref = DatasetRef.model_validate({"name": "folder", "path": str(photos), "val_fraction": 0.5})
        return Images(ctx, ref, "val", limit)

    return images


def test_without_a_limit_all_come_in_order(images) -> None:
    """As the dataset has them."""
    assert images().labels.tolist() == [label for label in range(CLASSES) for _ in range(EACH // 2)]
    assert images(1000).count == CLASSES * EACH // 2


def test_some_are_of_all_classes(images) -> None:
    """A folder's images come class by class: the first eight would all be of one."""
    some = images(8)
    assert np.bincount(some.labels).tolist() == [2] * CLASSES
    assert len(set(some.labels[:4].tolist())) == CLASSES
    assert images(8).labels.tolist() == some.labels.tolist()
    assert images(8, seed=1).labels.tolist() != some.labels.tolist()


def test_labels_pixels_and_thumbnails_go_together(images) -> None:
    """Whichever images were drawn."""
    some = images(8)
    shades = some.pixels(CONTRACT)[:, 0, 0, 0]
    assert (shades // 50).tolist() == some.labels.tolist()
    assert some.first(CONTRACT, 3)[:, 0, 0, 0].tolist() == shades[:3].tolist()
    assert [some.thumbnail(index, 2).getpixel((0, 0))[0] for index in range(8)] == shades.tolist()
