"""Splits that know their images."""

import numpy as np
import pytest
from PIL import Image

from edgesmith import UserError
from edgesmith_stages.distillation.watch import Recorded, Watched, image_digest
from edgesmith_stages.training.examples import Examples


def test_a_digest_is_of_size_and_pixels_in_a_colour_mode():
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    assert image_digest(image, "RGB").shape == (16,)
    assert (image_digest(image, "RGB") == image_digest(image.convert("RGB"), "RGB")).all()
    assert (image_digest(image, "RGB") != image_digest(image, "L")).any()
    turned = Image.frombytes("L", (3, 4), image.tobytes())
    assert (image_digest(image, "L") != image_digest(turned, "L")).any()


@pytest.fixture
def digests(dataset):
    recorded = Recorded(dataset.split("train"), "RGB")
    for index in range(len(recorded)):
        recorded.image(index)
    return recorded.digests


def test_recorded_digests_tell_images_apart(digests):
    assert len(np.unique(digests, axis=0)) == len(digests)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_watched_split_gives_its_own_images_and_refuses_others(dataset, digests, contract, workers):
    """Also where other processes read the images."""
    split = dataset.split("train")
    watched = Watched(split, digests, "RGB", "folder")
    assert (watched.labels == split.labels).all()
    given = Examples(watched, contract, Unchanged(contract), workers).batches([3, 1], 2)
    assert (next(given)[0] == contract.pixels([split.image(3), split.image(1)])).all()
    swapped = Watched(split, np.roll(digests, 1, axis=0), "RGB", "folder")
    with pytest.raises(UserError, match="image 3 of the train split of 'folder' is not the one that the teacher"):
        next(Examples(swapped, contract, Unchanged(contract), workers).batches([3, 1], 2))


class Unchanged:
    """A transform without randomness, so that images are read one by one."""

    def __init__(self, contract):
        self.contract = contract

    def __call__(self, image):
        return self.contract.pixels([image])[0]
