"""`edgesmith history`, `compare` and `bisect`, on runs that were recorded."""

import json
import math

import pytest

from edgesmith_flows.cli.history import changed, shown, sparkline
from edgesmith_flows.history import runs
from edgesmith_flows.results import summarise
from edgesmith_flows.run import write_run_record
from edgesmith_flows.tags import set_tag

TINY = """
name: tiny
stages:
  a: {{uses: write, with: {{text: "{text}"}}}}
  b: {{uses: shout, needs: a, with: {{marks: {marks}}}}}
  c: {{uses: gather, needs: {{texts: [a, b]}}}}
"""


@pytest.fixture(scope="module")
def store(shared_engine):
    """A store with three runs: the same twice, then with more marks."""
    for number, marks in enumerate((1, 1, 4)):
        made = shared_engine.run(TINY.format(text="hello", marks=marks))
        plan, results = made.executor.plan, made.executor.results
        summary = summarise(plan, results, shared_engine.store)
        write_run_record(shared_engine.store, plan, summary, 1_000_000.0 + number)
    set_tag(shared_engine.store, "base", list(runs(shared_engine.store))[-1])
    return shared_engine.store


@pytest.fixture
def ask(call, store):
    return lambda *arguments: call(*arguments, "--store", str(store.root))


def test_history_shows_a_figure_over_time(ask):
    answer = ask("history", 'c.letters["b"]')
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[0] == 'c.letters["b"]  ▁▁█'
    assert [line.split()[2] for line in answer.out.splitlines()[1:]] == ["6", "6", "9"]
    assert "+50.0 %" in answer.out.splitlines()[3]


def test_history_as_json(ask):
    told = json.loads(ask("history", "c.letters[b]", "--json", "--last", "2").out)
    assert [point["value"] for point in told["points"]] == [6.0, 9.0]
    assert told["metric"] == 'c.letters["b"]'


def test_history_lists_all_figures(ask):
    assert "c.total" in ask("history").out.splitlines()


def test_a_figure_that_nobody_has_is_told_with_the_nearest(ask):
    answer = ask("history", "c.totl")
    assert answer.code == 1
    assert "did you mean c.total?" in answer.err


@pytest.mark.parametrize("command", ["history", "bisect"])
def test_a_pipeline_that_nobody_ran_is_told_with_the_nearest(ask, command):
    answer = ask(command, "c.total", "--pipeline", "tny")
    assert answer.code == 1
    assert "unknown pipeline 'tny'; did you mean 'tiny'?" in answer.err


def test_compare_shows_what_differs_and_which_parts_of_keys_changed(ask):
    answer = ask("compare", "base", "tiny")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert any(line.split()[:4] == ['c.letters["b"]', "6", "->", "9"] for line in lines)
    assert not any(line.startswith('c.letters["a"]') for line in lines)
    assert lines[-2:] == ["b (param):", "  params.marks: 1 -> 4"]


def test_compare_of_equal_runs(ask, store):
    names = [run.name for run in runs(store)]
    answer = ask("compare", names[2], names[1])
    assert "no figure differs" in answer.out


def test_compare_as_json(ask):
    told = json.loads(ask("compare", "base", "tiny", "--json").out)
    assert told["causes"] == [{"node": "b", "kinds": ["param"], "parts": ["params.marks: 1 -> 4"]}]


def test_a_run_that_nobody_knows_is_told(ask):
    answer = ask("compare", "bas", "tiny")
    assert answer.code == 1
    assert "did you mean 'base'" in answer.err


def test_bisect_names_the_param(ask):
    answer = ask("bisect", "c.total")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[0] == "c.total: 11 -> 14"
    assert answer.out.splitlines()[-2:] == ["b (param):", "  params.marks: 1 -> 4"]
    assert json.loads(ask("bisect", "c.total", "--json").out)["causes"][0]["node"] == "b"


def test_bisect_of_a_figure_that_never_changed(ask):
    answer = ask("bisect", "a.letters")
    assert answer.code == 1
    assert "is 5.0 in all 3 runs" in answer.err


def test_values_are_written_for_people():
    assert [shown(value) for value in (1234567.0, 0.98765432, math.inf, "ok", None)] == [
        "1,234,567",
        "0.987654",
        "inf",
        "ok",
        "-",
    ]
    assert [changed(1.0, 2.0), changed("a", "b"), changed(None, 1.0), changed(0.0, 2.0)] == [
        "+100.0 %",
        "changed",
        "",
        "+2",
    ]
    assert sparkline([1.0]) == ""
    assert sparkline([1.0, None, 2.0]) == "▁ █"
