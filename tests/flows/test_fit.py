"""A record is believed only where it is that of its node."""

import pytest

from edgesmith import Report
from edgesmith_flows.action import Action
from edgesmith_flows.fit import misfit
from edgesmith_flows.store import Store


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "store")


@pytest.fixture
def report(store):
    with store.workspace() as workspace:
        (workspace / "made").mkdir()
        return store.publish(workspace / "made", Report)


def record(**outputs):
    return Action("k" * 64, outputs, {}, {})


def test_one_with_the_ports_and_kinds_of_the_node_fits(store, report):
    assert misfit(record(report=report), {"report": "report"}, store) is None
    assert misfit(record(), {}, store) is None


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ({}, "it has no output; expected the outputs 'left', 'right'"),
        ({"left": "0" * 64}, "it has the outputs 'left'; expected the outputs 'left', 'right'"),
    ],
)
def test_one_with_other_ports_does_not(outputs, problem):
    assert misfit(record(**outputs), {"left": "text", "right": "text"}) == problem


def test_one_of_another_kind_does_not_where_its_outputs_are_here(store, report):
    assert misfit(record(model=report), {"model": "onnx"}) is None
    problem = misfit(record(model=report), {"model": "onnx"}, store)
    assert problem == "its output 'model' is of the kind 'report'; expected 'onnx'"


def test_one_whose_output_was_set_aside_meanwhile_does_not(store, report):
    store.set_aside(report)
    assert misfit(record(report=report), {"report": "report"}, store) == "its output 'report' is gone"
