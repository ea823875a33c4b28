"""The verdict, and the models that stand out."""

import dataclasses

from edgesmith_flows.report.verdict import standouts, verdict


def test_gates_that_hold_make_it_pass(facts):
    found = verdict(facts)
    assert (found.kind, found.word, found.why) == ("passed", "Passed", "2 gates held, 6 nodes ok")


def test_a_gate_that_does_not_hold_makes_it_fail(recorded):
    found = verdict(recorded(gates=['bench.top1["tiny"] >= 0.99', 'bench.top1["big"] >= 0.9']))
    assert (found.word, found.why) == ("Failed", "1 of 2 gates did not hold")


def test_a_node_that_fails_does_too_and_is_named(recorded):
    found = verdict(recorded(gates=[], extra="  bad: {uses: mischief, with: {how: failure}}"))
    assert (found.word, found.why) == ("Failed", "1 of 7 nodes failed: bad")


def test_without_gates_nothing_was_judged(recorded):
    found = verdict(recorded(gates=[]))
    assert (found.kind, found.why) == ("done", "6 nodes made; the pipeline has no gates")


def test_gates_that_only_leaves_out_are_counted(facts):
    left = dataclasses.replace(facts, left_out=["other.top1 >= 0.9"])
    assert verdict(left).why == "2 gates held, 6 nodes ok; 1 gate was not evaluated (--only)"
    none = dataclasses.replace(facts, gates=[], left_out=["other.top1 >= 0.9", "other.bytes < 9"])
    assert verdict(none).why == "6 nodes made; 2 gates were not evaluated (--only)"


def test_the_best_models_are_held_against_the_first(facts):
    accurate, fast, small = standouts(facts.rows)
    assert (accurate.node, accurate.value, accurate.compared) == ("big", "0.9500", "")
    assert (fast.node, fast.value, fast.unit) == ("tiny", "0.70", "median ms")
    assert fast.compared == "11.4 times faster than big"
    assert (small.node, small.value, small.compared) == ("tiny", "3", "2.67 times smaller than big")


def test_without_figures_nobody_stands_out():
    assert standouts([]) == []
