"""The dataset of noise."""

import numpy as np

from edgesmith_stages.datasets.random_images import RandomImages


def test_repeats_itself_and_labels_nothing():
    dataset = RandomImages(RandomImages.Params(images=3, size=10))
    first, again, other = dataset.split("val"), dataset.split("val"), dataset.split("train")
    assert dataset.count("val") == len(first) == 3
    assert dataset.classes == ()
    assert first.labels.tolist() == [-1, -1, -1]
    assert (first.image(0).size, first.image(0).mode) == ((10, 10), "RGB")
    np.testing.assert_array_equal(first.images, again.images)
    assert (first.images != other.images).any()
    assert dataset.fingerprint(str) != RandomImages(RandomImages.Params(seed=1)).fingerprint(str)
