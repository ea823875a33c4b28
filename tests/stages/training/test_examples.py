"""Examples: images in the order that training asks for."""

import numpy as np
import pytest

from edgesmith import UserError
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.training import examples
from edgesmith_stages.training.augment import image_transform
from edgesmith_stages.training.examples import Examples
from edgesmith_stages.training.options import Augment

AUGMENT = Augment(auto_augment="rand-m9-mstd0.5", hflip=0.5)


def pixels(source, order, size=5, seed=0):
    return np.concatenate([batch for batch, _ in source.batches(order, size, seed)])


def test_are_what_every_runtime_is_fed(dataset, contract, monkeypatch):
    split = dataset.split("val")
    order = [7, 0, 3, 23, 11, 2]
    expected = contract.pixels([split.image(index) for index in order])
    source = Examples(split, contract)
    np.testing.assert_array_equal(pixels(source, order), expected)
    monkeypatch.setattr(examples, "CACHE_BYTES", 0)
    np.testing.assert_array_equal(pixels(source, order), expected)
    labels = [batch.tolist() for _, batch in source.batches(order, 4)]
    assert labels == [split.labels[order[:4]].tolist(), split.labels[order[4:]].tolist()]


@pytest.mark.slow
def test_random_changes_depend_on_seed_and_image_alone(dataset, contract):
    transform = image_transform(AUGMENT, contract)
    alone, helped = (Examples(dataset.split("train"), contract, transform, workers) for workers in (0, 2))
    order = list(range(12))
    drawn = pixels(alone, order, seed=1)
    np.testing.assert_array_equal(pixels(helped, order, size=3, seed=1), drawn)
    np.testing.assert_array_equal(pixels(alone, order[::-1], seed=1)[::-1], drawn)
    assert (pixels(alone, order, seed=2) != drawn).any()


@pytest.mark.slow
def test_a_reading_process_tells_which_image_is_broken(photos, contract, tmp_path, monkeypatch):
    import shutil

    shutil.copytree(photos, tmp_path / "photos")
    (tmp_path / "photos" / "train" / "2" / "05.png").write_bytes(b"no image")
    split = Folder(Folder.Params(path=str(tmp_path / "photos"))).split("train")
    monkeypatch.setattr(examples, "CACHE_BYTES", 0)
    with pytest.raises(UserError) as raised:
        pixels(Examples(split, contract, None, workers=1), range(len(split)))
    assert "05.png can't be read as an image" in raised.value.message
    assert "Traceback" not in str(raised.value)
