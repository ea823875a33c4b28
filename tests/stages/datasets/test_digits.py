"""The digits dataset."""

import numpy as np
import pytest

from edgesmith import UserError
from edgesmith_stages.datasets import digits
from edgesmith_stages.datasets.digits import Digits


def open_digits(**params):
    return Digits(Digits.Params(**params))


@pytest.mark.slow
def test_is_sklearns_load_digits():
    from sklearn.datasets import load_digits

    expected = load_digits()
    splits = [open_digits().split(name) for name in ("train", "val")]
    images = np.concatenate([split.images for split in splits])
    labels = np.concatenate([split.labels for split in splits])

    def ordered(images, labels):
        rows = np.concatenate([images.reshape(len(images), -1), labels[:, None]], axis=1)
        return rows[np.lexsort(rows.T)]

    wanted = np.round(expected.images * 255 / 16)
    np.testing.assert_array_equal(ordered(images.astype(int), labels), ordered(wanted.astype(int), expected.target))


def test_counts_fit_the_splits():
    dataset = open_digits()
    assert (dataset.count("train"), dataset.count("val")) == (1438, 359)
    for name in ("train", "val"):
        assert len(dataset.split(name)) == len(dataset.split(name).labels) == dataset.count(name)
    image = dataset.split("val").image(3)
    assert (image.size, image.mode) == ((8, 8), "L")


def test_the_fingerprint_holds_the_file_and_the_split():
    def digest(path):
        return path.name

    assert open_digits().fingerprint(digest) == open_digits().fingerprint(digest)
    assert open_digits(seed=1).fingerprint(digest) != open_digits().fingerprint(digest)
    assert open_digits().fingerprint(digest)["file"] == "digits.csv.gz"


def test_says_what_to_install(monkeypatch):
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="not installed") as raised:
        open_digits().check()
    assert "scikit-learn" in raised.value.hint
