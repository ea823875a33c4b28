"""The setting of repeatable training."""

import random

import numpy as np
import torch

from edgesmith_stages.training.setting import derived_seed, drawing, repeatable, seed_all


def draw():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_torch_is_left_as_it_was():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with repeatable(before[0] + 1):
        assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == (before[0] + 1, True)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_seeds_repeat_and_differ():
    seed_all(1, 2)
    first = draw()
    seed_all(1, 2)
    assert draw() == first
    seed_all(12)
    assert draw() != first
    assert derived_seed(0) != derived_seed(1)


def test_drawing_does_not_disturb_the_others():
    seed_all(3)
    expected = draw()
    seed_all(3)
    with drawing(7):
        inside = draw()
    assert draw() == expected
    with drawing(7):
        assert draw() == inside
