"""What a stage did to its inputs, and beside its outputs."""

import os
from types import SimpleNamespace

import pytest

from edgesmith import Artifact, StageFailed
from edgesmith_flows.conduct import Conduct
from edgesmith_flows.store import Store


@pytest.fixture
def case(tmp_path):
    """A store with one artifact, a workspace with one output, and the conduct of a stage that has both."""
    store = Store.open(tmp_path / "store")
    with store.workspace() as folder:
        (folder / "out").mkdir()
        (folder / "out" / "text.txt").write_text("given")
        digest = store.publish(folder / "out", Artifact)
    workspace = tmp_path / "workspace"
    (workspace / "text").mkdir(parents=True)
    node = SimpleNamespace(stage=SimpleNamespace(name="greedy"), output_kinds={"text": Artifact})
    conduct = Conduct(node, "acme 1.0", store, {"text": [digest]}, workspace)
    return SimpleNamespace(given=store.artifact_folder(digest) / "files", workspace=workspace, check=conduct.check)


def test_a_stage_that_reads_and_fills_its_output_is_fine(case):
    (case.workspace / "text" / "text.txt").write_text((case.given / "text.txt").read_text())
    case.check()


def rewrite(folder):
    (folder / "text.txt").chmod(0o644)
    (folder / "text.txt").write_text("taken")


def forge(folder):
    """Change the content, not the size, and put the times back."""
    before = (folder / "text.txt").stat()
    rewrite(folder)
    os.utime(folder / "text.txt", ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        (lambda folder: (folder / "more.txt").write_text("x"), "more.txt is extra"),
        (lambda folder: (folder / "text.txt").unlink(), "text.txt is missing"),
        (lambda folder: folder.rename(folder.with_name("taken")), "text.txt is missing"),
        (rewrite, "text.txt has changed"),
        (forge, "text.txt has changed"),
    ],
)
def test_a_changed_input_is_told_with_the_distribution(case, deed, told):
    deed(case.given)
    with pytest.raises(StageFailed) as raised:
        case.check()
    assert raised.value.message == f"the stage greedy (acme 1.0) changed its input 'text': {told}"
    assert "copies what it changes" in raised.value.hint


def test_an_input_that_was_moved_away_whole_is_told(case):
    case.given.parent.rename(case.workspace / "text" / "taken")
    with pytest.raises(StageFailed, match="changed its input 'text': its manifest cannot be read"):
        case.check()


def test_new_times_alone_are_nobodys_fault(case):
    (case.given / "text.txt").touch()
    case.check()


def test_what_is_written_beside_the_outputs_is_told(case):
    (case.workspace / "crumbs").write_text("")
    with pytest.raises(StageFailed, match=r"the stage greedy \(acme 1\.0\) wrote 'crumbs' beside its outputs \(text\)"):
        case.check()
