import itertools

from hypothesis import given
from hypothesis import strategies as st

from edgesmith_flows.order import sort_topologically

EDGES = st.integers(1, 8).flatmap(
    lambda size: st.lists(st.lists(st.integers(0, size - 1), max_size=4), min_size=size, max_size=size)
)


def as_graph(lists):
    return {str(n): [str(m) for m in needs] for n, needs in enumerate(lists)}


def test_the_given_order_is_kept_where_it_is_free():
    assert sort_topologically({"c": [], "a": [], "b": []}) == (["c", "a", "b"], [])


def test_a_node_stands_after_what_it_needs():
    assert sort_topologically({"c": ["b"], "b": ["a"], "a": []}) == (["a", "b", "c"], [])


def test_a_cycle_is_named_as_a_path_that_ends_where_it_begins():
    _, loops = sort_topologically({"a": ["b"], "b": ["c"], "c": ["b"]})
    assert loops == [["b", "c", "b"]]


def test_a_node_that_needs_itself_is_a_cycle():
    assert sort_topologically({"a": ["a"]})[1] == [["a", "a"]]


def test_a_chain_longer_than_pythons_stack_is_no_problem():
    chain = {str(n): [str(n + 1)] for n in range(5000)} | {"5000": []}
    assert sort_topologically(chain)[0][0] == "5000"


@given(EDGES)
def test_every_node_is_there_once_and_after_its_needs_unless_there_is_a_cycle(lists):
    graph = as_graph(lists)
    order, loops = sort_topologically(graph)
    assert sorted(order) == sorted(graph)
    if not loops:
        assert all(order.index(need) < order.index(node) for node, needs in graph.items() for need in needs)


@given(EDGES)
def test_every_cycle_told_is_one(lists):
    graph = as_graph(lists)
    for loop in sort_topologically(graph)[1]:
        assert loop[0] == loop[-1]
        assert all(after in graph[before] for before, after in itertools.pairwise(loop))
