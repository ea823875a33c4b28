"""Choosing calibration images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edgesmith import Dataset, DatasetRef, InputContract, UserError
from edgesmith.testing import LocalContext
from edgesmith_openvino.calibration import draw, load

LABELS = [0] * 50 + [1] * 5 + [2] * 20


@pytest.mark.parametrize("count", [1, 3, 9, 30, 75])
def test_classes_are_as_even_as_their_sizes_allow(count: int) -> None:
    """No index comes twice, and a small class gives all that it has."""
    drawn = draw(LABELS, count, seed=0)
    assert len(set(drawn)) == count
    sizes = Counter(LABELS[index] for index in drawn)
    fullest = max(sizes.values())
    assert all(sizes[label] >= min(fullest - 1, LABELS.count(label)) for label in (0, 1, 2))


def test_the_seed_alone_decides() -> None:
    """And fewer images are the first of more."""
    assert draw(LABELS, 20, seed=3) == draw(LABELS, 20, seed=3) == draw(LABELS, 40, seed=3)[:20]
    assert draw(LABELS, 20, seed=3) != draw(LABELS, 20, seed=4)


def test_images_without_labels_are_one_class() -> None:
    """Datasets without labels give -1."""
    assert len(set(draw([-1] * 10, 10, seed=0))) == 10


def test_loads_pixels_as_the_contract_says(digits: type[Dataset], tmp_path: Path) -> None:
    """From the train split."""
    ctx, contract = LocalContext(tmp_path, datasets=[digits]), InputContract(size=(16, 16))
    assert load(ctx, DatasetRef(name="digits"), contract, 20).shape == (20, 16, 16, 3)
    with pytest.raises(UserError, match="2000 images asked for, but the train split of 'digits' has 1438"):
        load(ctx, DatasetRef(name="digits"), contract, 2000)
