"""Augmentation, mixup and targets."""

import numpy as np
import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.training.augment import batch_mix, image_transform
from edgesmith_stages.training.options import Augment, TrainingOptions
from edgesmith_stages.training.setting import seed_all


def images():
    return torch.arange(4 * 3 * 8 * 8, dtype=torch.float32).reshape(4, 3, 8, 8)


def test_a_transform_gives_pixels_of_the_contracts_size(dataset, contract):
    transform = image_transform(Augment(color_jitter=0.3), contract)
    made = transform(dataset.split("train").image(0))
    assert (made.shape, made.dtype) == ((32, 32, 3), np.uint8)


@pytest.mark.parametrize("policy", ["rand-m9-mstd0.5", "augmix-m5-w4-d2", "original", "3a"])
def test_timms_policies_work(dataset, contract, policy):
    made = image_transform(Augment(auto_augment=policy), contract)(dataset.split("train").image(0))
    assert made.shape == (32, 32, 3)


@pytest.mark.parametrize("policy", ["rnad-m9", "rand-x9", "rand-m9-zz1"])
def test_an_unknown_policy_is_named(contract, policy):
    with pytest.raises(UserError, match=policy):
        image_transform(Augment(auto_augment=policy), contract)


def test_targets_are_smoothed():
    same, targets = batch_mix(TrainingOptions(label_smoothing=0.2), 4)(images(), torch.tensor([0, 1, 2, 3]))
    torch.testing.assert_close(same, images())
    torch.testing.assert_close(targets, torch.eye(4) * 0.8 + 0.05)


@pytest.mark.parametrize("options", [{"mixup": 0.4}, {"cutmix": 1.0}, {"augment": {"random_erase": 1.0}}])
def test_images_are_changed_and_targets_stay_distributions(options):
    seed_all(0)
    changed, targets = batch_mix(TrainingOptions(batch_size=4, **options), 4)(images(), torch.tensor([0, 1, 2, 3]))
    assert (changed != images()).any()
    torch.testing.assert_close(targets.sum(1), torch.ones(4))
