"""Nodes made by executors that share nothing but the remote store."""

import json
import tempfile

import psutil
import pytest

from edgesmith import StageFailed
from edgesmith_flows import elsewhere
from edgesmith_flows.elsewhere import make_elsewhere, order_of
from edgesmith_flows.lease import census
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
  half: {uses: mischief, with: {how: lose}}
  after: {uses: shout, needs: half}
"""


WORDS = """
name: tiny
plugins: [playground.plugin]
stages:
  a: {{uses: quote, with: {{data: {{name: words, path: {path}}}}}}}
"""


@pytest.fixture
def run(tmp_path, project, registry):
    """Gives what the workers of a run are told; they share a remote store, and this process is all of them."""

    def run(text, store=None):
        source = parse_yaml(text, tmp_path / "tiny.yaml")
        session = session_of(source, store=tmp_path / "here", remote=f"file://{tmp_path}/remote", folder=project)
        return order_of(session, set(), store and tmp_path / store)

    yield run
    elsewhere._kept().close()


@pytest.fixture
def machine(run):
    """Gives what a machine, with a store of its own, is told of the pipeline."""
    return lambda name: run(CHAIN, name)


def test_what_one_machine_made_another_finds(machine):
    assert make_elsewhere(machine("one"), "a", {})["state"] == "done"
    assert make_elsewhere(machine("two"), "a", {})["state"] == "cached"


def test_what_was_for_one_run_only_is_fetched_in_that_run_and_found_by_no_other(machine):
    half = make_elsewhere(machine("one"), "half", {})
    assert make_elsewhere(machine("two"), "after", {"half": half})["state"] == "done"
    assert make_elsewhere(machine("two"), "half", {})["state"] == "done"


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


class TestTheNextRun:
    """A worker lives for many runs, often of one and the same text."""

    @pytest.fixture
    def words(self, tmp_path):
        file = tmp_path / "words.txt"
        file.write_text("old words")
        return file

    def test_sees_data_that_was_changed_since(self, run, words):
        text = WORDS.format(path=words)
        old = make_elsewhere(run(text, "one"), "a", {})
        words.write_text("words that are new")
        new = make_elsewhere(run(text, "one"), "a", {})
        assert (new["state"], new["figures"]) == ("done", {"words": 4})
        assert new["key"] != old["key"]

    def test_sees_a_stage_that_was_changed_since(self, run, project):
        text = CHAIN.replace("playground", "workshop")
        (project / "playground").rename(project / "workshop")
        old = make_elsewhere(run(text, "one"), "a", {})
        spelling = project / "workshop" / "spelling.py"
        spelling.write_text("def spelled(text):\n    return text.title()\n")
        new = make_elsewhere(run(text, "one"), "a", {})
        assert new["state"] == "done"
        assert new["outputs"] != old["outputs"]

    def test_asks_again_for_a_remote_store_that_was_away(self, machine, tmp_path):
        remote = tmp_path / "remote"
        remote.write_text("in the way")
        make_elsewhere(machine("one"), "a", {})
        remote.unlink()
        make_elsewhere(machine("one"), "b", {"a": make_elsewhere(machine("one"), "a", {})})
        assert len(list(remote.glob("actions/??/*.json"))) == 1

    def test_ends_the_workers_and_the_lease_of_the_one_before(self, machine, tmp_path):
        others = _workers()
        make_elsewhere(machine("one"), "a", {})
        first = _workers() - others
        make_elsewhere(machine("one"), "b", {"a": make_elsewhere(machine("one"), "a", {})})
        second = _workers() - others
        assert len(first) == len(second) == 1
        assert first != second
        assert census(tmp_path / "one" / "leases") == (1, 0)

    def test_finds_the_workers_of_its_own_nodes_warm(self, machine, tmp_path):
        order = machine("one")
        first = make_elsewhere(order, "a", {})
        before = _workers()
        make_elsewhere(order, "b", {"a": first})
        assert _workers() == before


def test_a_machine_without_a_store_has_one_for_the_run(run, tmp_path, monkeypatch):
    monkeypatch.delenv("EDGESMITH_STORE")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    order = run(CHAIN)
    assert make_elsewhere(order, "b", {"a": make_elsewhere(order, "a", {})})["state"] == "done"
    (store,) = (tmp_path / "tmp").glob("edgesmith-store-*")
    elsewhere._kept().close()
    assert not store.exists()


def _workers() -> set[int]:
    """The processes that stages run in, started by this one."""
    return {one.pid for one in psutil.Process().children() if any("edgesmith" in word for word in one.cmdline())}
