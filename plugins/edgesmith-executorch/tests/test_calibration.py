"""Calibration images."""

from __future__ import annotations

import numpy as np
import pytest
from edgesmith_executorch.calibration import draw, load

from edgesmith import DatasetRef, InputContract, UserError
from edgesmith.testing import LocalContext

LABELS = [0] * 3 + [1] * 9


def test_classes_take_turns_while_they_last():
    assert sorted(LABELS[index] for index in draw(LABELS, 4, seed=0)) == [0, 0, 1, 1]
    assert sum(LABELS[index] for index in draw(LABELS, 8, seed=0)) == 5


def test_the_seed_decides():
    assert draw(LABELS, 6, seed=0) == draw(LABELS, 6, seed=0)
    assert draw(LABELS, 6, seed=0) != draw(LABELS, 6, seed=1)


def test_no_image_is_drawn_twice():
    assert sorted(draw(LABELS, 12, seed=0)) == list(range(12))


def test_images_come_as_the_network_takes_them(blocks, tmp_path):
    ctx = LocalContext(tmp_path, datasets=[blocks])
    images = load(ctx, DatasetRef(name="blocks"), InputContract(size=(32, 32)), 5)
    assert (images.shape, images.dtype) == ((5, 3, 32, 32), np.float32)


def test_too_few_images_is_a_users_error(blocks, tmp_path):
    ctx = LocalContext(tmp_path, datasets=[blocks])
    with pytest.raises(UserError, match="has 12"):
        load(ctx, DatasetRef(name="blocks"), InputContract(size=(32, 32)), 13)
