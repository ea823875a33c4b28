"""The whole loss of a distillation."""

import pytest
import torch

from edgesmith_stages.distill import Distill
from edgesmith_stages.distillation.lesson import listening
from edgesmith_stages.distillation.teachers import Panel
from edgesmith_stages.training.losses import cross_entropy, decoupled, soft_targets, softened

torch.manual_seed(0)
LOGITS, FIRST, SECOND, TARGETS = (*torch.randn(3, 6, 4), torch.eye(4)[[0, 1, 2, 3, 0, 1]] * 0.9 + 0.025)


class Kept:
    def __init__(self, *maps):
        self.maps = maps


def loss(*cached, kept=None, **params):
    panel = Panel(tuple(None for _ in cached))
    asked = listening(panel, Distill.Params(model="test_efficientnet", **params), kept)
    return asked(LOGITS, None, TARGETS, *cached).item()


@pytest.mark.parametrize(("temperature", "alpha"), [(4.0, 0.7), (3.3, 0.61), (1.0, 0.0)])
def test_with_one_teacher_it_is_the_loss_that_other_stages_use_to_the_bit(temperature, alpha):
    hintons = soft_targets(lambda images: FIRST, temperature, alpha)(LOGITS, None, TARGETS).item()
    assert loss(FIRST, temperature=temperature, alpha=alpha) == hintons


def test_several_teachers_are_heard_by_weight():
    one, other = loss(FIRST), loss(SECOND)
    assert loss(FIRST, FIRST) == pytest.approx(one, rel=1e-6)
    assert loss(FIRST, SECOND, teacher_weights=(1e6, 1)) == pytest.approx(one, rel=1e-4)
    assert loss(FIRST, SECOND, teacher_weights=(1, 1e6)) == pytest.approx(other, rel=1e-4)


def test_the_label_of_decoupled_distillation_is_the_targets_largest():
    wanted = softened([FIRST, SECOND], 4.0)
    soft = decoupled(LOGITS, wanted, torch.tensor([0, 1, 2, 3, 0, 1]), 4.0, 1.0, 8.0).item()
    expected = 0.7 * 16 * soft + 0.3 * cross_entropy(LOGITS, None, TARGETS).item()
    assert loss(FIRST, SECOND, loss="dkd") == pytest.approx(expected, rel=1e-5)


def test_hints_are_added_with_their_weight():
    kept = Kept(torch.full((2, 1, 1, 1), 1.5)), Kept(torch.ones(2, 1, 1, 1))
    without = loss(FIRST)
    assert loss(FIRST, kept=kept, hints="auto") == pytest.approx(without + 0.25, rel=1e-6)
    assert loss(FIRST, kept=kept, hints="auto", hint_weight=2.0) == pytest.approx(without + 0.5, rel=1e-6)
