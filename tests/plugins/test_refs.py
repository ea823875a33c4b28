import pytest
from pydantic import ValidationError

from edgesmith import DatasetRef, Stage, TargetRef


class Params(Stage.Params):
    data: DatasetRef = DatasetRef(name="digits")


def test_a_dataset_is_named_by_a_word():
    assert Params(data="cifar10").data == DatasetRef(name="cifar10")


def test_a_dataset_takes_params_beside_its_name():
    ref = Params(data={"name": "folder", "path": "photos", "split": 0.2}).data
    assert ref.params == {"path": "photos", "split": 0.2}


def test_a_dataset_without_a_name_is_refused():
    with pytest.raises(ValidationError, match="name"):
        Params(data={"path": "photos"})


def test_params_are_frozen_and_refuse_unknown_names():
    with pytest.raises(ValidationError, match="frozen"):
        Params().data = DatasetRef(name="cifar10")
    with pytest.raises(ValidationError, match="Extra inputs"):
        Params(dta="digits")


def test_a_target_is_named_in_the_same_way():
    assert TargetRef.model_validate("host") == TargetRef(name="host")
    assert TargetRef(name="lab", board=3).params == {"board": 3}
