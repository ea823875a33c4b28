"""What changed between two runs."""

import json
from dataclasses import replace

import pytest

from edgesmith_flows.action import provisional_document
from edgesmith_flows.figures.changes import Cause, causes, figure_changes, upstream
from edgesmith_flows.figures.metric import Metric
from edgesmith_flows.figures.table import FigureTable


@pytest.fixture
def two(engine, record):
    """Two runs that differ in what `b` does, and their table."""
    names = [record().name, record(marks=3).name]
    with FigureTable(engine.store) as table:
        yield table, *(table.run(name) for name in names)


def test_figures_that_differ(two):
    _, before, after = two
    changes = {str(one.metric): (one.before, one.after) for one in figure_changes(before, after)}
    assert changes == {'c.letters["b"]': (6.0, 8.0), "b.marks": (1.0, 3.0), "c.total": (11.0, 13.0)}
    assert figure_changes(before, before) == []


def test_a_change_is_told_relative_to_the_value_before(two):
    _, before, after = two
    (change,) = [one for one in figure_changes(before, after) if one.metric == Metric("b", "marks")]
    assert change.share == 2.0


def test_only_the_node_that_changed_by_itself_is_a_cause(two):
    table, before, after = two
    assert [cause.node for cause in causes(table, before, after)] == ["b"]
    assert causes(table, before, after, {"a", "c"}) == []


def test_what_went_into_a_node_is_found_through_the_keys(two):
    table, before, _ = two
    assert upstream(table, before, "c") == {"a", "b", "c"}
    assert upstream(table, before, "b") == {"a", "b"}


def test_a_node_that_changed_nothing_does_not_hide_the_one_before_it(engine, record):
    """Both give one digest."""
    made = record()
    with FigureTable(engine.store) as table:
        run = table.run(made.name)
        outputs = {**run.outputs, "same": run.outputs["a"]}
        assert upstream(table, replace(run, outputs=outputs), "b") == {"a", "b", "same"}


def test_a_result_that_lost_something_is_a_cause_that_says_what(two):
    table, _, after = two
    lost = provisional_document(table.document(after.keys["a"]), ("failed: no phone",), {}, {})
    with table._database as database:
        database.execute("insert into keys values ('lost', ?)", (json.dumps(lost),))
    (cause,) = causes(table, after, replace(after, keys={**after.keys, "a": "lost"}))
    assert cause == Cause("a", ('provisional: is new, ["failed: no phone"]',))
    assert cause.kinds == ("machine",)


def test_a_cause_says_what_sort_of_change_it_is():
    parts = ('tools.onnx: "1" -> "2"', "runtimes.onnx.source: a -> b", "params.x: 1 -> 2", "is new")
    assert Cause("n", parts).kinds == ("tool", "code", "param", "graph")
