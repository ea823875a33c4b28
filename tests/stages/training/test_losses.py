"""Losses."""

import math

import pytest
import torch

from edgesmith_stages.training.losses import cross_entropy, soft_targets

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
