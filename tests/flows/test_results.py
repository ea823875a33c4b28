"""What came of a run: figures by node, the results table, the gates."""

from dataclasses import replace

import pytest

from edgesmith_flows.results import node_figures, summarise

TEXT = """\
name: tiny
stages:
  plain: {uses: build, with: {factor: 1.5}}
  big-one: {uses: build, with: {factor: 2.5}}
  tally: {uses: tally, needs: {models: [plain, big-one]}}
gates:
  - tally.top1["big-one"] >= 1
  - big_one.factor == 2.5
"""


@pytest.fixture
def summary(shared_engine):
    """Run a pipeline (nodes of the tests before are cached) and summarise it."""

    def summary(text=TEXT):
        run = shared_engine.run(text)
        return summarise(run.executor.plan, run.executor.results, shared_engine.store)

    return summary


def test_the_table_has_one_row_per_model_with_what_was_measured_of_it(summary):
    found = summary()
    assert found.columns == ["node", "format", "bytes", "top-1", "status"]
    assert found.cells() == [["plain", "sign", "3", "1.0000", "ok"], ["big-one", "sign", "3", "1.0000", "ok"]]


def test_figures_per_input_are_keyed_by_the_inputs_name(summary):
    assert summary().figures["tally"] == {"top1": {"plain": 1.0, "big-one": 1.0}}


def test_gates_see_the_figures_whatever_the_nodes_name(summary):
    assert [gate.held for gate in summary().gates] == [True, True]
    assert summary().ok


def test_a_gate_that_does_not_hold_makes_the_run_fail(summary):
    found = summary(TEXT.replace(">= 1", "> 1"))
    assert not found.ok
    assert found.failures() == ["gate tally.top1[\"big-one\"] > 1: tally.top1['big-one'] = 1"]


def test_a_failed_node_makes_the_run_fail_and_is_told_in_the_table(summary):
    found = summary("""
        a: {uses: mischief, with: {how: failure}}
        m: {uses: build}
        """)
    assert not found.ok
    assert found.failures() == ["node a: the text could not be written"]
    assert [row.node for row in found.rows] == ["m"]


def test_a_model_that_was_not_made_has_a_row_with_its_state(engine):
    executor = engine.executor("m: {uses: build}")
    executor.skip("m")
    found = summarise(executor.plan, executor.results, engine.store)
    assert found.cells() == [["m", "sign", "-", "skipped"]]


def test_a_gate_on_a_node_that_failed_does_not_hold_and_says_why(summary):
    found = summary("name: x\nstages:\n  a: {uses: mischief, with: {how: failure}}\ngates: [a.top1 > 0]\n")
    assert [gate.held for gate in found.gates] == [False]
    assert "a gave no figures" in found.gates[0].detail


def test_gates_on_nodes_that_were_left_out_are_kept_as_not_evaluated(engine):
    found = summarise(engine.plan(TEXT, only={"plain"}), {}, engine.store)
    assert found.gates == []
    assert found.left_out == ['tally.top1["big-one"] >= 1', "big_one.factor == 2.5"]
    assert found.ok


@pytest.mark.parametrize("figures", [{"top1": 0.5, "models": [{"top1": 0.9}]}, {"models": [0.9, 0.8]}])
def test_figures_that_no_stage_may_give_do_not_keep_a_store_that_has_them_from_being_read(engine, figures):
    run = engine.run(TEXT)
    engine.store.record(replace(run.executor.results["tally"].action, figures=figures))
    again = engine.run(TEXT)
    assert again.states["tally"] == "cached"
    found = summarise(again.executor.plan, again.executor.results, engine.store)
    assert [row.node for row in found.rows] == ["plain", "big-one"]
    assert [gate.held for gate in found.gates] == [False, True]


def test_figures_of_a_node_without_list_inputs_stay_as_they_are(engine):
    node = engine.resolve("a: {uses: write}").nodes["a"]
    assert node_figures(node, {"letters": 3, "texts": [1]}) == {"letters": 3, "texts": [1]}


def test_combinations_of_a_matrix_each_have_a_figure(engine):
    text = """
        m: {uses: build, matrix: {factor: [1.0, 2.0]}, with: {factor: "${matrix.factor}"}}
        t: {uses: tally, needs: {models: m}}
        """
    node = engine.resolve(text).nodes["t"]
    rows = [{"top1": 0.5}, {"top1": 0.6}]
    assert node_figures(node, {"models": rows}) == {"top1": {"m@1.0": 0.5, "m@2.0": 0.6}}
