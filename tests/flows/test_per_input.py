"""Figures that a stage gives of each node connected to an input that takes many."""

from types import SimpleNamespace

import pytest

from edgesmith import Model, Report, StageFailed, many
from edgesmith_flows.per_input import per_input, refuse_odd
from edgesmith_flows.pipeline import Need


@pytest.fixture
def node():
    """A node with the inputs `models` (of `a` and `b`), `one`, and `none`, to which nothing is connected."""
    stage = SimpleNamespace(inputs={"models": many(Model), "one": Report, "none": many(Report)})
    return SimpleNamespace(stage=stage, needs={"models": (Need("a", "x"), Need("b", "x")), "one": (Need("c", "x"),)})


FINE = [
    {},
    {"models": [{"top1": 0.5}, {"top1": 0.6}], "images": 9},
    {"models": [{}, {"error": "none"}]},
    {"one": [1, 2, 3]},
    {"models": 3},
    {"none": []},
]


@pytest.mark.parametrize("figures", FINE)
def test_a_mapping_for_each_node_is_fine_and_so_is_what_is_no_list_under_the_name_of_an_input(node, figures):
    refuse_odd(node, figures, "the stage s")


def test_each_mapping_goes_with_its_node(node):
    assert per_input(node, {"models": [{"top1": 0.5}, {}], "images": 9}) == {
        "models": [("a", {"top1": 0.5}), ("b", {})]
    }


@pytest.mark.parametrize(
    ("figures", "problem"),
    [
        ({"models": [0.9, 0.8]}, "for 'a' it has '0.9'; expected a mapping from names to values"),
        ({"models": [{"top1": 1}]}, "a list of 1; expected one of 2, as many as nodes are connected"),
        ({"models": [{}, {}, {}]}, "a list of 3; expected one of 2, as many as nodes are connected"),
        (
            {"top1": 0.5, "models": [{}, {"top1": 0.9}]},
            "'top1' is a figure of 'b', and one of the node itself; expected one of them",
        ),
        ({"none": [{}]}, "a list of 1; expected one of 0, as many as nodes are connected"),
    ],
)
def test_anything_else_is_refused_and_names_the_stage(node, figures, problem):
    with pytest.raises(StageFailed, match=r"^the stage s gave figures for its input '\w+' that are none") as at:
        refuse_odd(node, figures, "the stage s")
    assert at.value.message.endswith(problem)
    assert "update or uninstall" in at.value.hint


@pytest.mark.parametrize(
    ("figures", "seen"),
    [
        ({"models": [0.9, {"top1": 1}]}, {"models": [("b", {"top1": 1})]}),
        ({"models": [{"top1": 1}]}, {"models": [("a", {"top1": 1})]}),
        ({"none": [{}]}, {"none": []}),
    ],
)
def test_what_an_older_version_let_in_can_still_be_read(node, figures, seen):
    assert per_input(node, figures) == seen
