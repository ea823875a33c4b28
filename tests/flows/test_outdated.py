"""`cache gc` and the records of runs and nights, and the pages about runs: which stay, which go."""

import json
import os
import time

import pytest

from edgesmith_flows.collect import collect
from edgesmith_flows.figures.metric import Metric
from edgesmith_flows.figures.table import FigureTable
from edgesmith_flows.history import read_run, runs
from edgesmith_flows.outdated import DAY, Policy
from edgesmith_flows.run import run_name
from edgesmith_flows.store import Store
from edgesmith_flows.tags import set_tag


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "store")


def put(store, folder, name, days, body):
    """Write a file that was last touched so many days ago."""
    file = store.root / folder / name
    store.write(file, body.encode())
    when = time.time() - days * DAY - 1
    os.utime(file, (when, when))
    return file.stem


def ran(store, days, pipeline="p", seconds=0.0):
    """Record a run that ended so many days ago, with a page about it; return its name."""
    begun = time.time() - days * DAY - seconds - 1
    name = run_name(pipeline, begun)
    body = json.dumps({"pipeline": pipeline, "begun": begun, "seconds": seconds, "nodes": {}})
    put(store, "reports", f"{name}.html", days, "<html>")
    return put(store, "runs", f"{name}.json", days, body)


def night(store, days, *held, nightly="nightly"):
    begun = time.time() - days * DAY - 1
    body = {"nightly": nightly, "begun": begun, "seconds": 0, "pipelines": [{"run": run} for run in held]}
    return put(store, "nights", f"{run_name(nightly, begun)}.json", days, json.dumps(body))


def left(store, folder="runs"):
    return {file.stem for file in (store.root / folder).glob("*")}


def test_without_days_or_runs_every_record_stays(store):
    runs = {ran(store, 1000), ran(store, 900)}
    night(store, 1000)
    for policy in (Policy(), Policy(max_size=0)):
        assert collect(store, policy).records == {}
    assert left(store) == left(store, "reports") == runs


def test_a_run_that_is_too_old_goes_with_its_page(store):
    ran(store, 10)
    new = ran(store, 1)
    found = collect(store, Policy(keep_days=5))
    assert sorted(place.suffix for place in found.records) == [".html", ".json"]
    assert left(store) == left(store, "reports") == {new}


def test_a_run_is_as_old_as_its_end(store):
    long = ran(store, 1, seconds=9 * DAY)
    collect(store, Policy(keep_days=5))
    assert left(store) == {long}


def test_the_newest_runs_of_each_pipeline_and_nights_of_each_nightly_stay(store):
    ran(store, 3)
    runs = {ran(store, 2), ran(store, 1), ran(store, 50, pipeline="q")}
    night(store, 3)
    nights = {night(store, 2), night(store, 1), night(store, 50, nightly="weekly")}
    collect(store, Policy(keep_runs=2))
    assert (left(store), left(store, "nights")) == (runs, nights)


def test_days_and_runs_each_keep(store):
    ran(store, 30)
    kept = {ran(store, 20, pipeline="q"), ran(store, 2), ran(store, 1)}
    collect(store, Policy(keep_days=5, keep_runs=1))
    assert left(store) == kept


def test_records_and_pages_may_stay_longer_than_results(store):
    ran(store, 300)
    kept = {ran(store, 100), ran(store, 1)}
    collect(store, Policy(keep_runs=1, keep_records=200))
    assert left(store) == left(store, "reports") == kept
    assert collect(store, Policy(keep_records=50)).keys == []
    assert len(left(store)) == 1


def test_what_a_tag_or_a_kept_night_names_stays(store):
    tagged, held = ran(store, 30), ran(store, 20)
    ran(store, 15)
    newest = ran(store, 1)
    night(store, 19, held)
    set_tag(store, "base", read_run(store.root / "runs" / f"{tagged}.json"))
    collect(store, Policy(keep_runs=1))
    assert left(store) == {tagged, held, newest}


def test_what_ended_since_a_running_pipeline_began_stays(store):
    """A nightly will read the records of its runs, and a run's page is written before its record."""
    old = ran(store, 1)
    other = Store.open(store.root)
    with other.lease():
        begun = time.time()
        body = json.dumps({"pipeline": "p", "begun": begun, "seconds": 0, "nodes": {}})
        put(store, "runs", f"{run_name('p', begun)}.json", -1 / DAY, body)
        put(store, "reports", f"{run_name('q', begun)}.html", -1 / DAY, "<html>")
        assert {file.stem for file in collect(store, Policy(keep_days=0)).records} == {old}
    assert len(collect(store, Policy(keep_days=0)).records) == 2


def test_what_is_no_record_goes_a_week_after_it_was_written(store):
    put(store, "runs", "20260101T000000.0-p.json", 8, "{")
    young = put(store, "runs", "20260102T000000.0-p.json", 1, "{")
    put(store, "nights", "20260101T000000.0-n.json", 8, "[]")
    put(store, "reports", "20260101T000000.0-p.html", 8, "")
    assert len(collect(store, Policy(keep_runs=1)).records) == 3
    assert left(store) == {young}


def test_a_dry_run_says_what_would_go_and_leaves_it(store):
    old = ran(store, 10)
    found = collect(store, Policy(keep_days=5), dry_run=True)
    assert {file.stem for file in found.records} == {old}
    assert found.bytes > 0
    assert left(store) == {old}


def test_figures_outlive_records_and_results(engine):
    from edgesmith_flows.results import summarise
    from edgesmith_flows.run import write_run_record

    made = engine.run("a: {uses: write, with: {text: hello}}")
    plan, results = made.executor.plan, made.executor.results
    record = write_run_record(engine.store, plan, summarise(plan, results, engine.store), time.time() - 10)
    (engine.store.root / "figures.sqlite").unlink()  # what the table lacks is taken in before it goes
    collect(engine.store, Policy(keep_days=0))
    assert list(runs(engine.store)) == []
    with FigureTable(engine.store) as table:
        (point,) = table.points(Metric("a", "letters"))
        assert (point.run, point.value) == (record.stem, 5.0)
        assert table.document(plan.steps["a"].key or results["a"].action.key)["stage"] == "write"


def test_records_whose_figures_cannot_be_kept_stay(store):
    old = ran(store, 10)
    (store.root / "figures.sqlite").mkdir()
    found = collect(store, Policy(keep_days=5))
    assert found.unindexed == 1
    assert left(store) == {old}
