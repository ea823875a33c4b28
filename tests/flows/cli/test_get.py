import pytest

TEXT = """\
name: tiny
stages:
  a: {uses: write, with: {text: hello}}
  b: {uses: shout, needs: a}
"""


@pytest.fixture(autouse=True)
def _pipeline(project, call):
    (project / "tiny.yaml").write_text(TEXT)
    assert call("run", "tiny.yaml").code == 0


def test_what_a_node_made_is_copied(call, project):
    """By the pipeline's name or its file, in a folder called as the node."""
    answer = call("get", "tiny", "a", "b", "--out", "taken")
    assert answer.code == 0, answer.err
    assert answer.out.split() == ["taken/a", "taken/b"]
    assert sorted(file.name for file in (project / "taken" / "a").iterdir())


def test_the_copy_can_be_changed_and_the_store_stays_whole(call, project):
    assert call("get", "tiny.yaml", "a").code == 0
    for file in (project / "a").iterdir():
        file.write_text("mine now")
    assert "0 damaged" in call("cache", "verify").out


def test_nothing_is_written_over(call, project):
    (project / "a").mkdir()
    (project / "a" / "notes").write_text("keep")
    answer = call("get", "tiny", "a")
    assert (answer.code, "a is there already" in answer.err) == (1, True)
    assert [file.name for file in (project / "a").iterdir()] == ["notes"]


def test_an_unknown_node_is_told_before_anything_is_copied(call, project):
    answer = call("get", "tiny", "a", "c", "--out", "taken")
    assert (answer.code, "unknown node 'c'" in answer.err) == (1, True)
    assert not (project / "taken").exists()
