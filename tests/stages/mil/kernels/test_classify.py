"""The output of a classifier."""

from __future__ import annotations

import torch

from edgesmith_stages.mil.kernels.classify import classify

from .calls import call


def test_the_label_is_the_most_probable_class() -> None:
    label, probabilities = classify(call("classify", probabilities=[[0.25, 0.5, 0.25]], classes=("cat", "dog", "eel")))
    assert label == "dog"
    assert probabilities == {"cat": 0.25, "dog": 0.5, "eel": 0.25}


def test_the_first_of_equals_wins() -> None:
    label, _ = classify(call("classify", probabilities=[0.5, 0.5], classes=("b", "a")))
    assert label == "b"


def test_classes_may_be_integers() -> None:
    label, probabilities = classify(call("classify", probabilities=[0.0, 1.0], classes=torch.tensor([7, 9])))
    assert label == 9
    assert probabilities == {7: 0.0, 9: 1.0}
