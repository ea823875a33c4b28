"""What can't be asked for together is refused by name, before anything runs."""

import pytest
from pydantic import ValidationError

from edgesmith import TorchModel, UserError
from edgesmith_stages.distill import Distill
from edgesmith_stages.distillation.artifact import TeacherLogits


def params(**given):
    return Distill.Params(model="test_efficientnet", **given)


def test_the_papers_weights_are_the_default():
    assert params(loss="dkd").decoupling == (1.0, 8.0)
    assert params(loss="dkd", dkd_beta=2).decoupling == (1.0, 2.0)
    assert params(loss="dkd", dkd_alpha=0).decoupling == (0.0, 8.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dkd_beta": 4}, "`dkd_beta` belongs to `loss: dkd`, and `loss` is kd"),
        ({"loss": "kd", "dkd_alpha": 1}, "`dkd_alpha` belongs to `loss: dkd`"),
        ({"loss": "dkd", "dkd_alpha": 0, "dkd_beta": 0}, "nothing of the teacher is left"),
        ({"loss": "dkd", "mixup": 0.2}, "`loss: dkd` needs one label an image, and `mixup` mixes two"),
        ({"loss": "dkd", "cutmix": 1.0}, "`cutmix` mixes two"),
        ({"hint_weight": 2}, "`hint_weight` weighs nothing without `hints`"),
        ({"hints": {}}, "`hints` names no layer"),
        ({"hints": "all"}, "auto"),
        ({"teacher_weights": [1, 0]}, "greater than 0"),
        ({"teacher_weights": [1, float("inf")]}, "finite"),
        ({"loss": "hinton"}, "'kd' or 'dkd'"),
    ],
)
def test_contradictory_params_are_refused_by_name(given, message):
    with pytest.raises(ValidationError, match=message):
        params(**given)


def test_params_come_back_from_json_as_they_went():
    """A worker gets them so: nothing may depend on which were given and which are defaults."""
    for given in ({}, {"loss": "dkd", "dkd_beta": 2}, {"hints": {"a": "b"}, "hint_weight": 3}, {"hints": "auto"}):
        assert Distill.Params(**params(**given).model_dump(mode="json")) == params(**given)


@pytest.mark.parametrize(
    ("given", "teachers", "message"),
    [
        ({"teacher_weights": [1, 2]}, [TorchModel], "has 2 weights for 1 teacher\n"),
        ({"teacher_weights": [1]}, [TorchModel, TeacherLogits], "has 1 weights for 2 teachers\n"),
        ({"hints": "auto"}, [TeacherLogits], "cached logits have no layers"),
        ({"augment": {}}, [TeacherLogits], "`augment` changes them in every epoch"),
        ({"mixup": 0.5}, [TorchModel, TeacherLogits], "`mixup` changes them"),
        ({"cutmix": 0.5}, [TeacherLogits], "`cutmix` changes them"),
    ],
)
def test_params_that_do_not_go_with_the_teachers_are_refused(given, teachers, message):
    with pytest.raises(UserError) as refused:
        Distill.check(params(**given), {"teacher": tuple(teachers)}, {})
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("given", "teachers"),
    [
        ({"hints": "auto"}, [TeacherLogits, TorchModel]),
        ({"augment": {}, "mixup": 0.5}, [TorchModel, TorchModel]),
        ({"label_smoothing": 0.2, "teacher_weights": [1, 2]}, [TorchModel, TeacherLogits]),
    ],
)
def test_params_that_go_with_the_teachers_pass(given, teachers):
    Distill.check(params(**given), {"teacher": tuple(teachers)}, {})
