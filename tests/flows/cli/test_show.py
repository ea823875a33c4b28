import pytest

TEXT = """\
name: tiny
stages:
  a: {uses: write}
  b: {uses: shout, needs: a}
"""


@pytest.fixture(autouse=True)
def _pipeline(project):
    (project / "pipelines").mkdir()
    (project / "pipelines" / "tiny.yaml").write_text(TEXT)


def test_a_pipeline_is_shown_as_text_and_mermaid(edgesmith):
    answer = edgesmith("show", "tiny")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == [
        "tiny", "  a  write -> text", "  b  shout -> text  (needs a)", "", "flowchart TD",
        '  n0["a<br/><small>write</small>"]', '  n1["b<br/><small>shout</small>"]', "  n0 --> n1",
    ]  # fmt: skip


def test_one_form_alone_may_be_asked_for(call):
    assert "flowchart" not in call("show", "tiny", "--format", "text").out
    assert call("show", "tiny", "--format", "mermaid").out.startswith("flowchart TD")


def test_set_may_change_the_graph(call):
    answer = call("show", "tiny", "--set", "b.marks=x")
    assert answer.code == 1
    assert "stages.b.with.marks" in answer.err


@pytest.mark.parametrize("name", ["smoke", "mobilevit-int8", "mobileone-coreml", "mobile-compare"])
def test_every_pipeline_that_ships_can_be_shown(call, name):
    answer = call("show", name)
    assert answer.code == 0, answer.err
