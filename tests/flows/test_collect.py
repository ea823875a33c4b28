"""`cache gc` removes what nobody needs, and nothing that a run or a tag needs."""

import os
import threading
import time

import pytest

from edgesmith import Report, UserError
from edgesmith_flows.action import Action
from edgesmith_flows.collect import collect, parse_size
from edgesmith_flows.history import Run
from edgesmith_flows.outdated import Policy
from edgesmith_flows.store import Store
from edgesmith_flows.tags import set_tag

DAY = 86_400
NOTHING_STAYS = Policy(keep_days=0)


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "store")


def make(store, key, content=None, days=0.0):
    """Record a result of one artifact under a key, last used so many days ago; return the artifact's digest."""
    with store.workspace() as workspace:
        (workspace / "made").mkdir()
        (workspace / "made" / "x").write_bytes(content if content is not None else key.encode())
        digest = store.publish(workspace / "made", Report)
    store.record(Action(key, {"out": digest}, {}, {"stage": "s"}))
    age(store, key, days)
    return digest


def age(store, key, days):
    when = time.time() - days * DAY - 1
    os.utime(store.root / "actions" / key[:2] / f"{key}.json", (when, when))


def run_of(*keys, name="20260101T000000.0-p", pipeline="p", begun=0.0):
    return Run(name, pipeline, begun, {f"n{i}": {"key": key} for i, key in enumerate(keys)})


def write_record(store, run):
    import json

    body = {"pipeline": run.pipeline, "begun": run.begun, "nodes": run.nodes}
    (store.root / "runs" / f"{run.name}.json").write_text(json.dumps(body))


class TestAge:
    def test_what_was_used_lately_stays(self, store):
        make(store, "old", days=10)
        new = make(store, "new", days=1)
        found = collect(store, Policy(keep_days=5))
        assert found.keys == ["old"]
        assert list(store.artifacts()) == [new]
        assert store.action("old") is None
        assert store.action("new") is not None

    def test_to_be_found_by_a_run_counts_as_use(self, store):
        make(store, "old", days=10)
        with store.lease():
            store.find("old")
        assert collect(store, Policy(keep_days=5)).keys == []

    def test_to_be_looked_at_does_not(self, store):
        make(store, "old", days=10)
        store.action("old")
        assert collect(store, Policy(keep_days=5)).keys == ["old"]

    def test_an_artifact_that_a_kept_result_also_gives_stays(self, store):
        make(store, "old", b"same", days=10)
        make(store, "new", b"same")
        found = collect(store, Policy(keep_days=5))
        assert (found.keys, found.artifacts) == (["old"], {})

    def test_an_artifact_that_no_result_names_goes(self, store):
        make(store, "kk")
        store.forget("kk")
        assert len(collect(store, Policy()).artifacts) == 1
        assert list(store.artifacts()) == []

    def test_without_a_policy_every_result_stays(self, store):
        make(store, "kk", days=1000)
        assert collect(store, Policy()).keys == []


class TestRuns:
    def test_what_the_last_runs_of_each_pipeline_hold_stays(self, store):
        for key in ("a1", "a2", "b1"):
            make(store, key, days=10)
        write_record(store, run_of("a1", name="20260101T000000.0-a", pipeline="a"))
        write_record(store, run_of("a2", name="20260102T000000.0-a", pipeline="a"))
        write_record(store, run_of("b1", name="20250101T000000.0-b", pipeline="b"))
        assert collect(store, Policy(keep_runs=1)).keys == ["a1"]

    def test_what_an_interrupted_run_made_or_found_stays_for_a_week(self, store):
        now = time.time()
        for key, days in (("made", 6), ("found", 1), ("long ago", 8), ("another run's", 3)):
            make(store, key, days=days)
        write_record(store, run_of("found", "another run's", begun=now - 2 * DAY))
        assert collect(store, Policy(keep_runs=0)).keys == ["another run's", "long ago"]

    def test_days_and_runs_each_keep(self, store):
        make(store, "young")
        make(store, "held", days=10)
        make(store, "neither", days=10)
        write_record(store, run_of("held"))
        assert collect(store, Policy(keep_days=5, keep_runs=1)).keys == ["neither"]


class TestSize:
    def test_what_was_unused_for_longest_goes_until_the_store_fits(self, store):
        for days in (3, 1, 2):
            make(store, f"kk{days}", bytes(100_000) + bytes([days]), days=days)
        assert collect(store, Policy(max_size=250_000)).keys == ["kk3"]
        assert collect(store, Policy(max_size=0)).keys == ["kk1", "kk2"]

    @pytest.mark.parametrize(
        ("text", "size"),
        [("0", 0), ("12B", 12), ("2KB", 2000), ("1.5 MB", 1_500_000), ("20G", 20 * 10**9), ("3KiB", 3072)],
    )
    def test_sizes_are_read(self, text, size):
        assert parse_size(text) == size

    @pytest.mark.parametrize("text", ["", "big", "-1", "3 XB", "1e9", "nan"])
    def test_what_is_no_size_is_refused(self, text):
        with pytest.raises(UserError, match="is no size"):
            parse_size(text)


class TestNeeded:
    def test_what_a_tag_needs_stays_whatever_the_policy(self, store):
        make(store, "kk", days=1000)
        set_tag(store, "base", run_of("kk"))
        for policy in (NOTHING_STAYS, Policy(keep_runs=0), Policy(max_size=0)):
            assert collect(store, policy).keys == []
        assert store.action("kk") is not None

    def test_a_tag_that_cannot_be_read_stops_the_collection(self, store):
        make(store, "kk", days=1000)
        (store.root / "tags" / "base.json").write_text("{")
        with pytest.raises(UserError, match=r"the baseline .*base\.json can't be read"):
            collect(store, NOTHING_STAYS)
        assert store.action("kk") is not None

    def test_what_a_running_pipeline_found_or_made_stays(self, store):
        other = Store.open(store.root)
        make(store, "found", days=10)
        make(store, "other", days=10)
        with store.lease():
            store.find("found")
            make(store, "made", days=10)
            assert collect(other, NOTHING_STAYS).keys == ["other"]
        assert collect(other, Policy(max_size=0)).keys == ["found", "made"]

    def test_what_is_published_but_not_yet_recorded_stays(self, store):
        other = Store.open(store.root)
        with store.lease(), store.workspace() as workspace:
            (workspace / "made").mkdir()
            (workspace / "made" / "x").write_bytes(b"x")
            digest = store.publish(workspace / "made", Report)
            collect(other, NOTHING_STAYS)
            assert store.verify(digest) is None

    def test_a_dry_run_removes_nothing(self, store):
        make(store, "kk", days=10)
        assert collect(store, NOTHING_STAYS, dry_run=True).keys == ["kk"]
        assert store.action("kk") is not None

    def test_checkpoints_and_damaged_artifacts_go_when_old_and_stay_in_use(self, store):
        (store.scratch("old") / "checkpoint").write_bytes(b"x")
        long_ago = time.time() - 30 * DAY
        for path in (store.root / "scratch" / "old" / "checkpoint", store.root / "scratch" / "old"):
            os.utime(path, (long_ago, long_ago))
        (store.scratch("young") / "checkpoint").write_bytes(b"x")
        collect(store, Policy())
        assert [place.name for place in (store.root / "scratch").iterdir()] == ["young"]


def test_a_collection_in_a_loop_takes_nothing_from_runs(engine):
    """Each run finds or makes its three nodes while everything unused is removed again and again."""
    stop = threading.Event()
    removed = []

    def loop():
        store = Store.open(engine.store.root)
        while not stop.is_set():
            removed.extend(collect(store, NOTHING_STAYS).keys)

    collector = threading.Thread(target=loop)
    collector.start()
    try:
        for number in range(12):
            with engine.store.lease():
                run = engine.run(f"""
                    a: {{uses: write, with: {{text: "{number % 3}"}}}}
                    b: {{uses: shout, needs: a}}
                    c: {{uses: gather, needs: {{texts: [a, b]}}}}
                    """)
                assert set(run.states.values()) <= {"done", "cached"}, run.errors
                for result in run.executor.results.values():
                    assert all(engine.store.verify(one) is None for one in result.action.outputs.values())
    finally:
        stop.set()
        collector.join()
    assert removed
