"""Runs kept by name."""

import pytest

from edgesmith import UserError
from edgesmith_flows.history import runs
from edgesmith_flows.results import summarise
from edgesmith_flows.run import write_run_record
from edgesmith_flows.tags import any_run, find_tag, newest_run, remove_tag, set_tag, tags


@pytest.fixture
def run(engine):
    """The record of a run of two nodes."""
    made = engine.run("""
        a: {uses: write}
        b: {uses: shout, needs: a}
        """)
    summary = summarise(made.executor.plan, made.executor.results, engine.store)
    write_run_record(engine.store, made.executor.plan, summary, 1_000_000.0)
    return newest_run(engine.store, "tiny")


def test_a_tag_holds_the_keys_of_a_run_until_it_is_removed(engine, run):
    set_tag(engine.store, "base", run)
    tag = find_tag(engine.store, "base")
    assert (tag.run, tag.pipeline) == (run.name, "tiny")
    assert all(engine.store.action(key) for key in tag.keys)
    assert len(tag.keys) == 2
    remove_tag(engine.store, "base")
    assert list(tags(engine.store)) == []


def test_a_run_whose_results_are_gone_cannot_be_tagged(engine, run):
    engine.store.forget(run.keys[1])
    with pytest.raises(UserError, match=r"can't be a baseline: b has no result.*\n.*edgesmith run tiny"):
        set_tag(engine.store, "base", run)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "two words"])
def test_odd_names_are_refused(engine, run, name):
    with pytest.raises(UserError, match="is no name for a baseline"):
        set_tag(engine.store, name, run)


def test_an_unknown_tag_is_told_with_the_nearest(engine, run):
    set_tag(engine.store, "nightly", run)
    with pytest.raises(UserError, match="nightly"):
        find_tag(engine.store, "nightlyy")


def test_a_run_is_found_by_the_start_of_its_name(engine, run):
    assert newest_run(engine.store, "tiny", run.name[:8]) == run == next(runs(engine.store))
    with pytest.raises(UserError, match="unknown run of tiny"):
        newest_run(engine.store, "tiny", "2030")
    with pytest.raises(UserError, match="knows no run of other"):
        newest_run(engine.store, "other")
    with pytest.raises(UserError, match="did you mean 'tiny'"):
        newest_run(engine.store, "tny")


def test_records_that_cannot_be_read_are_told_where_a_run_is_missed(engine, run):
    (engine.store.root / "runs" / f"{run.name}.json").write_text('{"pipeline": 3}')
    for look in (newest_run, any_run):
        with pytest.raises(UserError, match=f"1 of the records can't be read: .*{run.name}"):
            look(engine.store, "tiny")
