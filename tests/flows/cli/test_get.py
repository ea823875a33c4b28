"""`edgesmith get`."""

import pytest

from edgesmith_flows.results import summarise
from edgesmith_flows.run import write_run_record

TEXT = """\
name: tiny
stages:
  a: {uses: write, with: {text: hello}}
  b: {uses: shout, needs: a}
"""


@pytest.fixture(scope="module")
def store(shared_engine):
    run = shared_engine.run(TEXT)
    plan = run.executor.plan
    summary = summarise(plan, run.executor.results, shared_engine.store)
    write_run_record(shared_engine.store, plan, summary, 1_700_000_000.0)
    return str(shared_engine.store.root)


def test_what_a_node_made_is_copied(call, store, project):
    """In a folder called as the node."""
    answer = call("get", "tiny", "a", "b", "--out", "taken", "--store", store)
    assert answer.code == 0, answer.err
    assert answer.out.split() == ["taken/a", "taken/b"]
    assert list((project / "taken" / "a").iterdir())


def test_the_pipelines_file_names_it_too(call, store, project):
    (project / "mine.yaml").write_text(TEXT)
    assert call("get", "mine.yaml", "a", "--store", store).out == "a\n"


def test_the_copy_can_be_changed_and_the_store_stays_whole(call, store, project):
    assert call("get", "tiny", "a", "--store", store).code == 0
    for file in (project / "a").iterdir():
        file.write_text("mine now")
    assert " 0 damaged" in call("cache", "verify", "--store", store).out


def test_nothing_is_written_over(call, store, project):
    (project / "a").mkdir()
    (project / "a" / "notes").write_text("keep")
    answer = call("get", "tiny", "a", "--store", store)
    assert (answer.code, "a is there already" in answer.err) == (1, True)
    assert [file.name for file in (project / "a").iterdir()] == ["notes"]


def test_a_folder_that_cannot_be_written_is_told(call, store, project):
    (project / "file").write_text("no folder")
    answer = call("get", "tiny", "a", "--out", "file/below", "--store", store)
    assert answer.code == 1
    assert "file/below/a can't be written: Not a directory" in answer.err


def test_an_unknown_node_is_told_before_anything_is_copied(call, store, project):
    answer = call("get", "tiny", "a", "c", "--out", "taken", "--store", store)
    assert (answer.code, "unknown node 'c'" in answer.err) == (1, True)
    assert not (project / "taken").exists()
