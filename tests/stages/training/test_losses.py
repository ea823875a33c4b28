"""Losses."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgesmith_stages.training.losses import cross_entropy, decoupled, divergence, soft_targets, softened

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]])
TEACHER = torch.tensor([[1.0, 1.5, -2.0], [0.3, 0.2, 0.1]])
TARGETS = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.2, 0.8]])


def softmax(row, temperature):
    powers = [math.exp(value / temperature) for value in row.tolist()]
    return [power / sum(powers) for power in powers]


def test_cross_entropy_takes_soft_targets():
    rows = [softmax(row, 1) for row in LOGITS]
    expected = -sum(
        target * math.log(p) for wanted, row in zip(TARGETS.tolist(), rows, strict=True)
        for target, p in zip(wanted, row, strict=True)
    )  # fmt: skip
    assert cross_entropy(LOGITS, None, TARGETS).item() == pytest.approx(expected / 2, rel=1e-6)


@pytest.mark.parametrize(("temperature", "alpha"), [(1.0, 1.0), (4.0, 0.7), (2.0, 0.0)])
def test_soft_targets_are_hintons(temperature, alpha):
    divergence = 0.0
    for student, teacher in zip(LOGITS, TEACHER, strict=True):
        for q, p in zip(softmax(student, temperature), softmax(teacher, temperature), strict=True):
            divergence += p * (math.log(p) - math.log(q)) / len(LOGITS)
    hard = cross_entropy(LOGITS, None, TARGETS).item()
    loss = soft_targets(lambda images: TEACHER, temperature, alpha)(LOGITS, None, TARGETS)
    assert loss.item() == pytest.approx(alpha * temperature**2 * divergence + (1 - alpha) * hard, rel=1e-5)


def test_no_gradient_reaches_the_teacher():
    teacher = torch.nn.Linear(3, 3)
    student = LOGITS.clone().requires_grad_()
    soft_targets(teacher, 4.0, 0.7)(student, LOGITS, TARGETS).backward()
    assert student.grad.abs().sum() > 0
    assert teacher.weight.grad is None


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_several_teachers_speak_as_the_average_of_their_softened_probabilities(temperature):
    other = torch.tensor([[0.0, 0.0, 4.0], [-1.0, 2.0, 0.0]])
    together = softened([TEACHER, other], temperature, (3.0, 1.0)).exp()
    for row, one, two in zip(together.tolist(), TEACHER, other, strict=True):
        expected = [
            0.75 * p + 0.25 * q for p, q in zip(softmax(one, temperature), softmax(two, temperature), strict=True)
        ]
        assert row == pytest.approx(expected, rel=1e-5)


def test_equal_weights_are_the_default_and_one_teacher_is_itself():
    assert torch.equal(softened([TEACHER], 2.0), torch.log_softmax(TEACHER / 2.0, dim=1))
    torch.testing.assert_close(softened([TEACHER, LOGITS], 2.0), softened([TEACHER, LOGITS], 2.0, (5.0, 5.0)))


ROW = arrays(np.float32, (1, 4), elements=st.floats(-8, 8, width=32))


@settings(max_examples=30)
@given(logits=ROW, teacher=ROW, label=st.integers(0, 3), temperature=st.sampled_from([1.0, 2.0, 4.0]))
def test_the_divergence_falls_into_target_and_others_as_the_paper_says(logits, teacher, label, temperature):
    """KL = TCKD + (1 - the teacher's softened probability of the label) * NCKD (equation 5)."""
    row, wanted = torch.from_numpy(logits), softened([torch.from_numpy(teacher)], temperature)
    sure, ranked = (
        decoupled(row, wanted, torch.tensor([label]), temperature, *pair).item() for pair in ((1.0, 0.0), (0.0, 1.0))
    )
    doubt = 1 - wanted[0, label].exp().item()
    assert sure + doubt * ranked == pytest.approx(divergence(row, wanted, temperature).item(), rel=1e-3, abs=1e-5)
    assert min(sure, ranked) >= -1e-6


def test_the_parts_of_decoupled_distillation_have_weights_of_their_own():
    labels, wanted = torch.tensor([0, 2]), softened([TEACHER], 2.0)
    one, two, both = (
        decoupled(LOGITS, wanted, labels, 2.0, *pair).item() for pair in ((1.0, 0.0), (0.0, 1.0), (0.5, 8.0))
    )
    assert both == pytest.approx(0.5 * one + 8 * two, rel=1e-5)


def test_decoupled_distillation_of_a_sure_teacher_still_ranks_the_other_classes():
    """The reason for it: with a teacher that is nearly certain, plain KL hardly sees the other classes."""
    sure = torch.tensor([[20.0, 2.0, 0.0, 1.0]])
    student = torch.tensor([[20.0, 0.0, 2.0, 1.0]])
    wanted = softened([sure], 1.0)
    assert divergence(student, wanted, 1.0).item() < 1e-6
    assert decoupled(student, wanted, torch.tensor([0]), 1.0, 1.0, 8.0).item() > 1
