"""Training options."""

import pytest
from pydantic import ValidationError

from edgesmith_stages.training.options import TrainingOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"lr": 0},
        {"label_smoothing": 1.0},
        {"mixup": 0.2, "batch_size": 31},
        {"augment": {"flip": 0.5}},
        {"augment": {"ratio": [0, 1]}},
        {"augment": {"ratio": [1.2, 0.8]}},
        {"augment": {"scale": [0, 1]}},
        {"augment": {"scale": [1.0, 0.5]}},
        {"precision": "int8"},
        {"learning_rate": 0.1},
    ],
)
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ValidationError):
        TrainingOptions(**wrong)


def test_an_odd_batch_is_fine_without_mixing():
    assert TrainingOptions(batch_size=31).batch_size == 31
