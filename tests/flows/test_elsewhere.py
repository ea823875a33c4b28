"""Nodes made by executors that share nothing but the remote store."""

import json

import pytest

from edgesmith import StageFailed
from edgesmith_flows import elsewhere
from edgesmith_flows.elsewhere import make_elsewhere, order_of
from edgesmith_flows.session import session_of
from edgesmith_flows.yaml_source import parse_yaml

CHAIN = """
name: tiny
plugins: [playground.plugin]
stages:
  a: {uses: write}
  b: {uses: shout, needs: a}
  c: {uses: shout, needs: b}
  bad: {uses: mischief, with: {how: failure}}
"""


@pytest.fixture
def machine(tmp_path, project, registry):
    """Makes what a machine, with a store of its own, is told of the pipeline; they share a remote store."""
    source = parse_yaml(CHAIN, tmp_path / "tiny.yaml")
    session = session_of(source, store=tmp_path / "here", remote=f"file://{tmp_path}/remote", folder=project)
    orders = []

    def order(name):
        told = {**json.loads(order_of(session, set(), None)), "store": str(tmp_path / name)}
        orders.append(json.dumps(told, sort_keys=True))
        return orders[-1]

    yield order
    for one in orders:
        elsewhere._executor(one).pool.stop()
    elsewhere._executor.cache_clear()


def test_what_one_machine_made_another_finds(machine):
    assert make_elsewhere(machine("one"), "a", {})["state"] == "done"
    assert make_elsewhere(machine("two"), "a", {})["state"] == "cached"


def test_the_inputs_of_a_node_are_fetched(machine):
    first = make_elsewhere(machine("one"), "a", {})
    second = make_elsewhere(machine("two"), "b", {"a": first})
    assert second["state"] == "done"
    assert second["document"]["inputs"] == {"text": [first["outputs"]["text"]]}


def test_an_input_that_is_nowhere_is_made_again_where_that_needs_nothing_else(machine):
    first = make_elsewhere(machine("one"), "a", {})
    lost = {**first, "outputs": {"text": "0" * 64}}
    assert make_elsewhere(machine("two"), "b", {"a": lost})["document"]["inputs"] == {
        "text": [first["outputs"]["text"]]
    }


def test_an_input_that_is_nowhere_and_needs_others_is_told(machine):
    second = make_elsewhere(machine("one"), "b", {"a": make_elsewhere(machine("one"), "a", {})})
    lost = {**second, "outputs": {"text": "0" * 64}}
    with pytest.raises(StageFailed, match=r"000000000000 that b gave is neither here nor on the remote store"):
        make_elsewhere(machine("two"), "c", {"b": lost})


def test_a_record_on_the_remote_store_that_does_not_fit_the_node_is_not_used(machine, tmp_path):
    first = make_elsewhere(machine("one"), "a", {})
    (record,) = (tmp_path / "remote" / "actions").glob("??/*.json")
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "outputs": {"other": first["outputs"]["text"]}}))
    again = make_elsewhere(machine("two"), "a", {})
    assert (again["state"], again["outputs"]) == ("done", first["outputs"])


def test_a_failure_is_the_message_of_the_stage(machine):
    with pytest.raises(StageFailed, match="the text could not be written"):
        make_elsewhere(machine("one"), "bad", {})
