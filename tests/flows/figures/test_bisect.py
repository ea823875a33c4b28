"""Which run changed a figure, and what had changed in it."""

import pytest

from edgesmith import UserError
from edgesmith_flows.figures.bisect import bisect, differs
from edgesmith_flows.figures.metric import Metric
from edgesmith_flows.figures.table import FigureTable

TOTAL = Metric("c", "total")


@pytest.fixture
def table(engine):
    with FigureTable(engine.store) as table:
        yield table


def test_the_param_that_brought_it_is_found_upstream(table, record):
    record()
    before = record()
    after = record(marks=3)
    record(marks=3)
    table.refresh()
    found = bisect(table, TOTAL)
    assert (found.before.run, found.after.run) == (before.name, after.name)
    (cause,) = found.causes
    assert (cause.node, cause.parts, cause.kinds) == ("b", ("params.marks: 1 -> 3",), ("param",))


def test_what_a_figure_does_not_depend_on_is_no_cause(table, record):
    record()
    record(text="hi", marks=2)
    table.refresh()
    letters = bisect(table, Metric("c", "letters", "a"))
    assert [cause.node for cause in letters.causes] == ["a"]


def test_the_newest_of_several_changes_between_two_runs_is_found(table, record):
    runs = [record(marks=marks) for marks in (1, 2, 3)]
    table.refresh()
    assert bisect(table, TOTAL).after.run == runs[2].name
    assert bisect(table, TOTAL, bad=runs[1].name).after.run == runs[1].name
    assert bisect(table, TOTAL, good=runs[1].name).before.run == runs[1].name
    with pytest.raises(UserError, match="comes after --bad"):
        bisect(table, TOTAL, good=runs[2].name, bad=runs[0].name)


def test_a_figure_that_never_changed_says_so(table, record):
    record()
    record()
    table.refresh()
    with pytest.raises(UserError, match=r"is 11\.0 in all 2 runs"):
        bisect(table, TOTAL)


def test_one_run_is_not_enough(table, record):
    record()
    table.refresh()
    with pytest.raises(UserError, match="expected two or more"):
        bisect(table, TOTAL)


def test_small_changes_may_be_overlooked():
    assert differs(1.0, 1.01)
    assert not differs(1.0, 1.01, 0.05)
    assert differs(1.0, 1.06, 0.05)
    assert differs("a", "b", 0.05)
    assert not differs("a", "a")
