import pytest

from edgesmith_flows.interpolate import Interpolator


@pytest.fixture
def fill():
    """Interpolate a value; return it with the complaints and the params used."""

    def fill(value, **names):
        complaints, used = [], set()
        names = {"params": {}, "matrix": {}, "env": {}, **names}
        found = Interpolator(names, lambda path, message: complaints.append((path, message)), used).value(
            value, ("at",)
        )
        return found, complaints, used

    return fill


@pytest.mark.parametrize("value", [3, 0.5, True, None, "text", ["a", 1], {"b": 2}])
def test_a_whole_expression_keeps_its_values_type(fill, value):
    assert fill("${params.x}", params={"x": value})[0] == value


def test_an_expression_within_a_text_becomes_text(fill):
    assert fill("top-${params.k}/${ params.k }", params={"k": 5})[0] == "top-5/5"


def test_mappings_and_lists_are_filled_to_the_bottom(fill):
    filled, _, _ = fill({"a": ["${matrix.m}", {"b": "${env.HOME}"}]}, matrix={"m": 1}, env={"HOME": "/h"})
    assert filled == {"a": [1, {"b": "/h"}]}


def test_a_param_may_be_reached_into(fill):
    assert fill("${params.a.b}", params={"a": {"b": 7}})[0] == 7


def test_the_params_that_were_used_are_remembered(fill):
    assert fill(["${params.a.b}", "${params.c}"], params={"a": {"b": 1}, "c": 2})[2] == {"a", "c"}


def test_an_unknown_param_is_told_with_its_place_and_the_nearest_name(fill):
    _, ((path, message),), _ = fill(["${params.epoch}"], params={"epochs": 1})
    assert path == ("at", 0)
    assert "did you mean 'epochs'?" in message


def test_an_environment_variable_that_is_not_set_is_told_without_listing_the_others(fill):
    _, ((_, message),), _ = fill("${env.TOKEN}", env={"SECRET": "hush"})
    assert "${env.TOKEN}" in message
    assert "SECRET" not in message


@pytest.mark.parametrize("text", ["${x}", "${secrets.x}", "${}", "${params}"])
def test_an_unknown_namespace_is_told_with_those_there_are(fill, text):
    _, ((_, message),), _ = fill(text)
    assert "expected one of ${params.NAME}, ${matrix.NAME}, ${env.NAME}" in message


@pytest.mark.parametrize("text", ["$params.x", "{params.x}", "$", "costs $5", "${", "a } b"])
def test_other_texts_are_left_alone(fill, text):
    assert fill(text) == (text, [], set())
