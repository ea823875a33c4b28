"""Naming operations that stay in float."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from edgesmith import UserError
from edgesmith_openvino.model import OpenVinoModel
from edgesmith_openvino.scope import IgnoredScope


@pytest.fixture(scope="module")
def graph(float_model: OpenVinoModel) -> Any:
    """The classifier's graph."""
    from edgesmith_openvino.backend import openvino

    return openvino().Core().read_model(float_model.xml)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, []),
        ({"names": ["second.act"]}, ["second.act"]),
        ({"types": ["Relu"]}, ["first.act", "second.act"]),
        ({"patterns": [r"first\.", "pool$"]}, ["first.act", "pool"]),
        ({"names": ["pool"], "types": ["Relu"]}, ["first.act", "second.act", "pool"]),
    ],
)
def test_names_patterns_and_types_add_up(graph: Any, given: dict[str, Any], names: list[str]) -> None:
    """In the graph's order."""
    assert IgnoredScope(**given).names_in(graph) == names


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"names": ["second.acts"]}, "unknown operation name in `ignored_scope` 'second.acts'; did you mean"),
        ({"types": ["Conv"]}, "unknown operation type in `ignored_scope` 'Conv'; did you mean 'Convolution'"),
        ({"patterns": ["third"]}, "no operation's name begins with the pattern 'third'"),
    ],
)
def test_what_the_model_does_not_have_is_an_error(graph: Any, given: dict[str, Any], message: str) -> None:
    """With the nearest that it has."""
    with pytest.raises(UserError, match=message):
        IgnoredScope(**given).names_in(graph)


def test_a_pattern_that_is_none_is_refused_before_the_run() -> None:
    """With what is wrong about it."""
    with pytest.raises(ValidationError, match=r"'first\(' is not a regular expression"):
        IgnoredScope(patterns=("first(",))
