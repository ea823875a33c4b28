import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesmith_flows.canonical import digest, tagged

TEXT = st.text('ab0"\\{}[]:,é\n', max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


def shuffled(value, random):
    """The same value with every mapping in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item, random)) for key, item in value.items()]
        random.shuffle(items)
        return dict(items)
    return [shuffled(item, random) for item in value] if isinstance(value, list) else value


def typed(value):
    """What makes two values the same: their types and contents, but not the order of mappings."""
    if isinstance(value, dict):
        return ("map", frozenset((key, typed(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("list", tuple(map(typed, value)))
    return (type(value), value.hex() if isinstance(value, float) else value)


@given(VALUES, st.integers())
def test_the_order_of_mappings_does_not_matter(value, seed):
    assert digest(shuffled(value, random.Random(seed))) == digest(value)


@given(VALUES, VALUES)
def test_two_values_have_one_digest_only_if_they_are_the_same(one, other):
    assert (digest(one) == digest(other)) == (typed(one) == typed(other))


def test_values_of_different_types_differ():
    values = [
        1,
        1.0,
        True,
        "1",
        None,
        "",
        [],
        {},
        [1],
        {"1": 1},
        0,
        0.0,
        -0.0,
        False,
        "None",
        {"int": "1"},
        ["int", "1"],
    ]
    assert len({digest(value) for value in values}) == len(values)


def test_the_order_of_lists_matters():
    assert digest([1, 2]) != digest([2, 1])


def test_nesting_matters():
    assert digest([[1], [2]]) != digest([[1, 2]])
    assert digest({"a": {"b": 1}}) != digest({"a": 1, "b": 1})


def test_a_tuple_is_a_list():
    assert digest((1, 2)) == digest([1, 2])


def test_odd_floats_have_a_digest_too():
    assert len({digest(value) for value in (math.inf, -math.inf, math.nan, 5e-324)}) == 4


def test_a_digest_stays_the_same_over_versions():
    """Changing it would make every store start anew."""
    assert digest({"a": [1, 2.5, True, None, "x"]})[:16] == "34a1ade781d07074"


def test_what_has_no_json_form_is_refused():
    with pytest.raises(TypeError, match="set can't be part of a key"):
        tagged({"a": {1, 2}})
