from hypothesis import given
from hypothesis import strategies as st

from edgesmith_flows.matrix import Combinations, combinations

VALUES = st.lists(st.integers() | st.booleans() | st.none() | st.text("ab/ .@", max_size=4), min_size=1, max_size=3)


def test_a_node_without_a_matrix_stays_as_it_is():
    assert list(combinations("a", {})) == [("a", {})]


def test_there_is_one_node_per_combination():
    assert list(combinations("a", {"model": ["x", "y"], "size": [32, 64]})) == [
        ("a@x-32", {"model": "x", "size": 32}),
        ("a@x-64", {"model": "x", "size": 64}),
        ("a@y-32", {"model": "y", "size": 32}),
        ("a@y-64", {"model": "y", "size": 64}),
    ]


def test_odd_values_make_plain_names():
    names = [name for name, _ in combinations("a", {"m": ["hub/big model", "", {"k": 1}]})]
    assert names == ["a@hub_big_model", "a@none", "a@k_1"]


@given(st.dictionaries(st.sampled_from(["p", "q"]), VALUES))
def test_no_two_combinations_share_a_name(matrix):
    names = [name for name, _ in combinations("a", matrix)]
    assert len(set(names)) == len(names)


def test_a_need_is_met_by_the_combination_with_the_same_values():
    nodes = {"a@x": {"model": "x"}, "a@y": {"model": "y"}}
    assert Combinations(nodes).matching({"model": "y"}) == ["a@y"]


def test_axes_that_are_not_shared_match_all():
    nodes = {"a@x": {"model": "x"}, "a@y": {"model": "y"}}
    assert Combinations(nodes).matching({}) == ["a@x", "a@y"]
    assert Combinations(nodes).matching({"size": 32}) == ["a@x", "a@y"]
    assert Combinations(nodes).matching({"model": "x", "size": 32}) == ["a@x"]
