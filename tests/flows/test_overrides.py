import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import UserError
from edgesmith_flows.document import PipelineDocument
from edgesmith_flows.overrides import apply_overrides, parse_overrides

DOCUMENT = PipelineDocument.model_validate(
    {
        "name": "x",
        "params": {"epochs": 1, "a.b": 0},
        "stages": {"teacher": {"uses": "train", "with": {"lr": 1, "wd": 2}}},
    }
)


def test_a_value_is_yaml():
    assert parse_overrides(["a=3", "b=true", "c=[1, x]", "d=text", "e=", "f= x=y "]) == {
        "a": 3, "b": True, "c": [1, "x"], "d": "text", "e": "", "f": "x=y",
    }  # fmt: skip


def test_the_last_of_two_wins():
    assert parse_overrides(["a=1", "a=2"]) == {"a": 2}


@pytest.mark.parametrize("text", ["a", "=3", " =3"])
def test_a_text_without_a_name_and_a_value_is_refused(text):
    with pytest.raises(UserError, match="expected NAME=VALUE"):
        parse_overrides([text])


@pytest.mark.parametrize("argument", [b"a=\xff", b"\xff=3", b"a.b=[1, \xff]"])
def test_bytes_that_are_no_text_are_refused(argument):
    with pytest.raises(UserError, match=r"^--set .*\\xff.*: not UTF-8"):
        parse_overrides([os.fsdecode(argument)])


@given(st.text("a1 [{}]:&*!-'\"\n\0é", max_size=20))
def test_no_value_raises_anything_but_a_users_error(value):
    try:
        parse_overrides([f"x={value}"])
    except UserError as error:
        assert str(error)


@pytest.mark.parametrize("value", ["[1", "2001-99-99", "!!int x", "[" * 100_000])
def test_a_value_that_is_not_yaml_is_refused(value):
    with pytest.raises(UserError, match="the value is not YAML"):
        parse_overrides([f"day={value}"])


def test_a_param_is_replaced():
    assert apply_overrides(DOCUMENT, {"epochs": 9, "a.b": 1}).params == {"epochs": 9, "a.b": 1}


def test_one_nodes_param_is_replaced_or_added_and_the_others_kept():
    changed = apply_overrides(DOCUMENT, {"teacher.lr": 5, "teacher.seed": 3})
    assert changed.stages["teacher"].with_ == {"lr": 5, "wd": 2, "seed": 3}


def test_the_seed_may_be_set_even_where_the_file_has_none():
    assert apply_overrides(DOCUMENT, {"seed": 4}).params["seed"] == 4


def test_the_document_itself_stays_as_it_was():
    apply_overrides(DOCUMENT, {"epochs": 9, "teacher.lr": 5})
    assert DOCUMENT.params["epochs"] == 1
    assert DOCUMENT.stages["teacher"].with_["lr"] == 1


def test_an_unknown_param_is_told_with_the_nearest_one():
    with pytest.raises(UserError, match=r"--set epoch: unknown param 'epoch'; did you mean 'epochs'\?"):
        apply_overrides(DOCUMENT, {"epoch": 3})


def test_an_unknown_node_is_told_with_the_nearest_one():
    with pytest.raises(UserError, match=r"unknown node 'techer'; did you mean 'teacher'\?"):
        apply_overrides(DOCUMENT, {"techer.lr": 3})
