"""Where a run's figures come from."""

from dataclasses import replace

from edgesmith_flows.report.origin import machine


def test_a_target_is_told_in_words(facts):
    identity = {"processor": "a quick one", "cores": 2, "memory_gib": 24}
    bench = replace(facts.nodes["bench"], document={"target": {"name": "board", "identity": identity}})
    told = dict(machine(replace(facts, nodes={"bench": bench})))
    assert told["target board"] == "cores: 2, memory gib: 24, processor: a quick one"
    assert told["python"]
