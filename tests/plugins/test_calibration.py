"""The choice of calibration images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import DatasetRef, InputContract, UserError
from edgesmith.calibration import draw, load
from edgesmith.testing import LocalContext
from edgesmith_stages.datasets.digits import Digits

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60)


@given(LABELS, st.integers(0, 2**32 - 1), st.data())
def test_classes_are_as_even_as_their_sizes_allow(labels: list[int], seed: int, data: st.DataObject) -> None:
    """No class has two images more than another one that still has some left."""
    count = data.draw(st.integers(1, len(labels)))
    drawn = draw(np.array(labels), count, seed)
    assert len(set(drawn.tolist())) == count
    sizes, taken = Counter(labels), Counter(labels[index] for index in drawn)
    most = max(taken.values())
    assert all(taken[label] >= min(size, most - 1) for label, size in sizes.items())


def test_the_seed_decides() -> None:
    """Same seed, same images in the same order; unlabelled images are one class."""
    labels = np.full(100, -1)
    assert draw(labels, 10, 3).tolist() == draw(labels, 10, 3).tolist()
    assert draw(labels, 10, 3).tolist() != draw(labels, 10, 4).tolist()


def test_images_come_from_the_train_split_as_the_model_takes_them(tmp_path: Path) -> None:
    """uint8 at the model's size; more than there are is refused."""
    ctx = LocalContext(tmp_path, datasets=[Digits])
    data, contract = DatasetRef(name="digits"), InputContract(size=(16, 16))
    pixels = load(ctx, data, contract, 20)
    assert (pixels.shape, pixels.dtype) == ((20, 16, 16, 3), np.uint8)
    with pytest.raises(UserError, match="5000 images asked for, but the train split of 'digits' has 1438"):
        load(ctx, data, contract, 5000)
