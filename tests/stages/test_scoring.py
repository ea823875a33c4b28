"""Figures of a model's outputs."""

import numpy as np
import pytest

from edgesmith import InputContract, UserError
from edgesmith_stages.scoring import accuracy, likeness, softmax

LOGITS = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 1.0, 4.0], [5.0, 0.0, 1.0]], np.float32)


def test_top1_is_the_share_of_right_answers():
    assert accuracy(LOGITS, np.array([0, 1, 2, 2])) == {"top1": 0.75}


def test_top5_is_given_where_there_are_more_than_five_classes():
    outputs = np.tile(np.arange(7, dtype=np.float32), (2, 1))
    assert accuracy(outputs, np.array([2, 1])) == {"top1": 0.0, "top5": 0.5}


def test_images_without_labels_have_no_accuracy():
    assert accuracy(LOGITS, np.full(4, -1)) == {}


def test_probabilities_are_compared_with_probabilities():
    plain = InputContract(size=(8, 8))
    exported = InputContract(size=(8, 8), output="probabilities")
    assert likeness(softmax(LOGITS), exported, LOGITS, plain) == {"agreement": 1.0, "sqnr_db": 200.0}
    assert likeness(softmax(LOGITS), plain, LOGITS, plain)["sqnr_db"] < 20


def test_softmax_of_large_logits_is_finite():
    assert softmax(np.array([[1000.0, 0.0]], np.float32)) == pytest.approx(np.array([[1.0, 0.0]]))


def test_models_with_their_classes_in_another_order_are_compared_by_name():
    ours, theirs = (InputContract(size=(8, 8), classes=names) for names in (("a", "b", "c"), ("c", "a", "b")))
    assert likeness(LOGITS, ours, LOGITS[:, [2, 0, 1]], theirs) == {"agreement": 1.0, "sqnr_db": 200.0}


@pytest.mark.parametrize(
    ("reference", "names", "reason"),
    [(LOGITS[:, :2], ("a", "b"), "3 outputs and the reference 2"), (LOGITS, ("a", "b", "x"), "not the reference's")],
)
def test_models_of_different_classes_are_not_compared(reference, names, reason):
    ours, theirs = (InputContract(size=(8, 8), classes=of) for of in (("a", "b", "c"), names))
    with pytest.raises(UserError, match=reason):
        likeness(LOGITS, ours, reference, theirs)
