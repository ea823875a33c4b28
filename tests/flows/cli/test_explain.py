import pytest

TEXT = """\
name: tiny
stages:
  a: {uses: write}
  b: {uses: shout, needs: a}
"""


@pytest.fixture(autouse=True)
def _pipeline(project):
    (project / "tiny.yaml").write_text(TEXT)


def test_every_node_says_whether_it_runs_and_why(call):
    answer = call("explain", "tiny.yaml")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].startswith("a: will run (key ")
    assert lines[1] == "  never run here"
    assert lines[3] == "  depends on a"


def test_one_node_may_be_asked_about(call):
    assert "b: " not in call("explain", "tiny.yaml", "a").out


def test_an_unknown_node_is_told(call):
    answer = call("explain", "tiny.yaml", "c")
    assert answer.code == 1
    assert "unknown node 'c'" in answer.err
