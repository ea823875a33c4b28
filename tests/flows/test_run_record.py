"""What is remembered of a run."""

import json

from edgesmith_flows.results import summarise
from edgesmith_flows.run_record import run_record

TEXT = """\
name: tiny
description: a small one
stages:
  a: {uses: write}
  b: {uses: shout, needs: a, with: {marks: 2}}
  m: {uses: build}
  t: {uses: tally, needs: {models: [m]}}
  y: {uses: mischief, with: {how: lose}}
  z: {uses: mischief, with: {how: failure}}
gates:
  - t.top1["m"] >= 1
"""


def recorded(engine):
    run = engine.run(TEXT)
    plan = run.executor.plan
    record = run_record(plan, summarise(plan, run.executor.results, engine.store), 1_000_000.0, 2.0)
    assert json.loads(json.dumps(record)) == record
    return record


def test_it_says_of_each_node_what_it_was_made_with_and_from(shared_engine):
    nodes = recorded(shared_engine)["nodes"]
    assert nodes["b"]["stage"] == "shout"
    assert nodes["b"]["with"] == {"marks": 2}
    assert nodes["b"]["needs"] == {"text": [["a", "text"]]}
    assert nodes["t"]["needs"] == {"models": [["m", "model"]]}
    assert shared_engine.store.recorded(nodes["b"]["key"]).outputs == nodes["b"]["outputs"]
    assert nodes["y"]["provisional"] == ["the last page was lost"]
    assert "provisional" not in nodes["a"]
    assert nodes["a"]["with"] == {} and nodes["a"]["needs"] == {}


def test_it_says_how_the_run_went(shared_engine):
    record = recorded(shared_engine)
    assert (record["pipeline"], record["description"], record["ok"]) == ("tiny", "a small one", False)
    assert (record["begun"], record["seconds"]) == (1_000_000.0, 2.0)
    assert record["nodes"]["z"]["error"].startswith("the text could not be written")
    assert record["rows"] == [
        {"node": "m", "format": "sign", "bytes": 3, "status": "ok", "figures": {"top1": 1.0}},
    ]
    assert [gate["held"] for gate in record["gates"]] == [True]


def test_it_keeps_the_gates_that_only_leaves_out(engine):
    plan = engine.plan(TEXT, only={"a"})
    record = run_record(plan, summarise(plan, {}, engine.store), 1_000_000.0, 2.0)
    assert record["gates_left_out"] == ['t.top1["m"] >= 1']


def test_it_names_the_machine_by_its_kind_alone(shared_engine):
    import getpass
    import platform

    text = json.dumps(recorded(shared_engine)["machine"])
    assert platform.python_version() in text
    assert platform.node() not in text and getpass.getuser() not in text
