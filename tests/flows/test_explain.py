"""Why a node runs: which part of its key changed since the last run."""

import json
import time

import pytest

from edgesmith_flows.explain import differences, reasons, short
from edgesmith_flows.history import LastKeys
from edgesmith_flows.results import summarise
from edgesmith_flows.run import write_run_record


def record(engine, text, begun=None):
    """Run a pipeline and write the record of the run."""
    run = engine.run(text)
    summary = summarise(run.executor.plan, run.executor.results, engine.store)
    return write_run_record(engine.store, run.executor.plan, summary, begun or time.time())


def pipeline(name="tiny", **params):
    return f"name: {name}\nstages:\n  a: {{uses: write, with: {json.dumps(params)}}}\n"


def test_a_node_that_never_ran_says_so(engine):
    assert engine.plan(pipeline()).steps["a"].reasons == ("never run here",)


def test_a_changed_param_is_told_with_both_values(engine):
    record(engine, pipeline(copies=1))
    assert engine.plan(pipeline(copies=2)).steps["a"].reasons == ("params.copies: 1 -> 2",)


def test_a_changed_seed_and_param_are_told_together(engine):
    record(engine, pipeline(text="x"))
    assert engine.plan(pipeline(text="y"), seed=1).steps["a"].reasons == (
        'params.text: "x" -> "y"',
        "seed: 0 -> 1",
    )


def test_a_result_that_is_gone_is_told(engine):
    record(engine, pipeline())
    for digest in list(engine.store.artifacts()):
        engine.store.set_aside(digest)
    assert engine.plan(pipeline()).steps["a"].reasons == ("its result is gone from the store",)


def test_a_result_that_was_for_one_run_only_says_what_was_lost(engine):
    text = "name: tiny\nstages:\n  a: {uses: mischief, with: {how: lose}}\n"
    record(engine, text)
    told = engine.plan(text).steps["a"].reasons
    assert told == ("its last result was for that run only: the last page was lost",)


def test_the_newest_run_counts(engine):
    record(engine, pipeline(copies=1), begun=1_000_000)
    record(engine, pipeline(copies=2), begun=2_000_000)
    assert engine.plan(pipeline(copies=3)).steps["a"].reasons == ("params.copies: 2 -> 3",)


def test_a_pipeline_whose_name_ends_alike_is_another(engine):
    record(engine, pipeline("my-tiny"))
    assert LastKeys(engine.store, "tiny").of("a") is None


@pytest.mark.parametrize("text", ["", "[]", "null", '{"nodes": 3}', '{"nodes": {"a": null}}', "\x00"])
def test_a_broken_record_is_passed_over(engine, text):
    record(engine, pipeline(copies=1), begun=1_000_000)
    (engine.store.root / "runs" / "29990101T000000-tiny.json").write_text(text)
    assert engine.store.recorded(LastKeys(engine.store, "tiny").of("a")).document["params"]["copies"] == 1


def test_what_is_new_and_what_is_gone_are_told():
    assert list(differences({"a": 1, "b": {"c": [1]}}, {"b": {"c": [2], "d": None}})) == [
        "a: was 1, is gone",
        "b.c: [1] -> [2]",
        "b.d: is new, null",
    ]


def test_equal_documents_differ_in_nothing():
    assert list(differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]})) == []


def test_digests_are_cut_short():
    assert short("f" * 64) == "f" * 12
    assert short(["f" * 64, "x"]) == f'[{"f" * 12}, "x"]'


def test_no_reason_is_given_where_nothing_is_known(engine):
    assert reasons(engine.store, LastKeys(engine.store, "tiny"), "a", {}) == ("never run here",)
