"""The values that params may take in a search."""

import math

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from edgesmith_stages.searching.space import Range, Space, axes_of, size_of, variants_of

SPACE = TypeAdapter(Space)


def test_a_list_is_choices_and_a_mapping_is_a_range():
    axes = axes_of(SPACE.validate_python({"model": ["a", "b"], "ratio": {"low": 0.1, "high": 0.5}}))
    assert axes["model"] == ["a", "b"]
    assert axes["ratio"].ends == [0.1, 0.5]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"a": []},
        {"a": {"low": 2, "high": 1}},
        {"a": {"low": 0, "high": 1, "log": True}},
        {"a": {"low": 1, "high": 9, "step": 0.5}},
        {"a": {"low": 1, "high": 2, "stp": 1}},
        {"a": {"low": 1.0, "high": math.inf}},
        {"a": 3},
    ],
)
def test_what_is_no_space_is_refused(wrong):
    with pytest.raises(ValidationError):
        SPACE.validate_python(wrong)


@pytest.mark.parametrize(
    ("axis", "size"),
    [
        ([1, 2, 3], 3),
        ({"low": 1, "high": 4}, 4),
        ({"low": 1, "high": 9, "step": 4}, 3),
        ({"low": 0.1, "high": 0.6, "step": 0.1}, 6),
        ({"low": 0.1, "high": 0.6}, math.inf),
    ],
)
def test_it_knows_how_many_values_there_are(axis, size):
    assert size_of(SPACE.validate_python({"a": axis})) == size


def test_variants_are_each_choice_and_both_bounds_with_the_others_at_their_first():
    space = SPACE.validate_python({"m": ["a", "b"], "r": {"low": 1, "high": 3}})
    assert variants_of(space) == [{"m": "a", "r": 1}, {"m": "b", "r": 1}, {"m": "a", "r": 3}]


@settings(max_examples=50, deadline=None)
@given(
    low=st.floats(-1e3, 1e3), width=st.floats(1e-2, 1e3), steps=st.integers(1, 20), seed=st.integers(0, 99)
)  # fmt: skip
def test_what_is_drawn_lies_between_the_bounds(low, width, steps, seed):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for step in (None, width / steps):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
        axis = Range(low=low, high=low + width, step=step)
        drawn = axis.draw(study.ask(), "a")
        assert low - abs(low) * 1e-5 <= drawn <= (low + width) + abs(low + width) * 1e-5


def test_choices_of_any_type_come_back_as_they_are():
    axes = axes_of(SPACE.validate_python({"data": [{"name": "folder", "path": "x"}, "digits"]}))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    seen = []
    for _ in range(12):
        trial = study.ask()
        seen.append(axes["data"].draw(trial, "data"))
        study.tell(trial, 1.0)
    assert sorted(set(map(str, seen))) == ["digits", "{'name': 'folder', 'path': 'x'}"]
