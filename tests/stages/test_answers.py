"""Outputs of models and labels of datasets, matched by the names of their classes."""

from types import SimpleNamespace

import numpy as np
import pytest

from edgesmith import InputContract, UserError
from edgesmith_stages.answers import answers_of, right_outputs

LABELS = np.array([0, 1, 1, 0])


def images(*classes, labels=LABELS):
    return SimpleNamespace(classes=classes, labels=labels)


def model(*classes):
    return InputContract(size=(8, 8), classes=classes)


def logits(*answers, of):
    return np.eye(of, dtype=np.float32)[list(answers)]


def test_a_dataset_with_fewer_classes_than_the_model_is_fine():
    assert right_outputs(images("mug", "plate"), model("cup", "mug", "plate")).tolist() == [1, 2, 2, 1]
    said = answers_of(logits(1, 2, 0, 2, of=3), model("cup", "mug", "plate"), images("mug", "plate"))
    assert said.labels.tolist() == [0, 1, -1, 1], "a cup is no class of the dataset"
    assert said.outputs.tolist() == [1, 2, 0, 2] and said.names == ("cup", "mug", "plate")


def test_another_order_is_no_matter():
    assert right_outputs(images("mug", "plate"), model("plate", "mug")).tolist() == [1, 0, 0, 1]
    assert answers_of(logits(1, 0, of=2), model("plate", "mug"), images("mug", "plate")).labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("classes", "names"), [(("mug", "plate"), ()), ((), ("mug", "plate")), (("a", "a"), ("a", "a"))]
)
def test_without_names_on_one_side_the_order_is_taken_for_the_same(classes, names):
    assert right_outputs(images(*classes), model(*names)).tolist() == LABELS.tolist()


def test_outputs_that_have_no_name_are_no_class_of_the_dataset():
    assert answers_of(logits(0, 3, of=4), model(), images("mug", "plate")).labels.tolist() == [0, -1]
    assert answers_of(logits(0, 3, of=4), model("plate", "mug"), images("mug", "plate")).labels.tolist() == [1, -1]


def test_images_without_labels_stay_so():
    none = np.full(2, -1)
    assert right_outputs(images("mug", "plate", labels=none), model("cup")).tolist() == [-1, -1]


def test_a_class_that_the_model_does_not_have_is_named():
    with pytest.raises(UserError, match=r"lacks the dataset's class saucer; it has cup, mug"):
        right_outputs(images("cup", "saucer"), model("cup", "mug"))


def test_a_name_that_the_model_has_twice_is_refused():
    with pytest.raises(UserError, match="several classes named crane"):
        right_outputs(images("crane", "mug"), model("crane", "crane", "mug"))
