"""`edgesmith nightly` and `edgesmith baseline promote`, as a user types them."""

import json

import pytest

PIPELINE = """\
name: tiny
stages:
  a: {uses: write, with: {text: TEXT}}
  b: {uses: shout, needs: a}
gates: [a.letters <= 3]
"""


def test_a_nightly_that_is_not_there_and_a_pipeline_instead(call, project):
    (project / "tiny.yaml").write_text(PIPELINE)
    assert "unknown pipeline 'nightli'; did you mean 'nightly'?" in call("nightly", "nightli").err
    answer = call("nightly", "tiny.yaml")
    assert answer.code == 1
    assert "expected a nightly" in answer.err


@pytest.mark.parametrize(
    ("given", "command"),
    [("nightly", "edgesmith nightly"), ("little", "edgesmith nightly little"), ("a.yaml", "edgesmith nightly a.yaml")],
)
def test_run_says_which_command_a_nightly_takes(call, project, given, command):
    (project / "pipelines").mkdir()
    for file in ("a.yaml", "pipelines/little.yaml"):
        (project / file).write_text("name: little\nnightly: {pipelines: [smoke]}\n")
    answer = call("run", given)
    assert answer.code == 1
    assert f"`{command}` runs it" in answer.err


def test_mistakes_are_told_before_anything_runs(call, project):
    (project / "good.yaml").write_text(PIPELINE.replace("TEXT", "hi"))
    (project / "bad.yaml").write_text(PIPELINE.replace("shout", "shut"))
    (project / "a.yaml").write_text("name: a\nnightly:\n  pipelines:\n  - good.yaml\n  - godo\n")
    (project / "b.yaml").write_text("name: b\nnightly: {pipelines: [good.yaml, bad.yaml]}\n")
    answer = call("nightly", "a.yaml")
    assert answer.code == 1
    assert "a.yaml:5: nightly.pipelines[1]: unknown pipeline 'godo'" in answer.err
    answer = call("nightly", "b.yaml")
    assert answer.code == 1
    assert "bad.yaml:4: stages.b.uses: " in answer.err
    assert "did you mean 'shout'" in answer.err
    assert answer.out == ""


def test_a_param_that_the_nightly_sets_wrongly_is_told_as_the_nightly_s(call, project):
    (project / "good.yaml").write_text("name: good\nparams: {text: hi}\nstages:\n  a: {uses: write}\n")
    (project / "n.yaml").write_text("name: n\nnightly: {pipelines: [{name: good.yaml, set: {txt: ho}}]}\n")
    answer = call("nightly", "n.yaml")
    assert answer.code == 1
    assert "the nightly 'n', good.yaml: set: txt: unknown param 'txt'; did you mean 'text'?" in answer.err


def test_without_a_baseline_that_is_told(call):
    assert "there is no baseline yet" in call("baseline", "show").out
    assert "unknown baseline 'best'" in call("baseline", "show", "best").err


def test_nothing_to_promote_yet(call):
    answer = call("baseline", "promote")
    assert answer.code == 1
    assert "knows no night of 'nightly'" in answer.err


@pytest.mark.slow(30)
def test_a_good_night_is_promoted_and_a_bad_one_exits_with_1(edgesmith, project):
    (project / "pipelines").mkdir()
    (project / "pipelines" / "tiny.yaml").write_text(PIPELINE.replace("TEXT", "hi"))
    (project / "pipelines" / "little.yaml").write_text("name: little\nnightly: {pipelines: [tiny]}\n")
    first = edgesmith("nightly", "little")
    assert first.code == 0, first.err
    assert "next: edgesmith baseline promote little" in first.out
    promoted = edgesmith("baseline", "promote", "little")
    assert promoted.out.startswith("nightly.tiny: tiny of "), promoted.err
    (project / "pipelines" / "tiny.yaml").write_text(PIPELINE.replace("TEXT", "long"))
    second = edgesmith("nightly", "little", "--json")
    assert second.code == 1
    told = json.loads(second.out)
    (verdict,) = [one for one in told["pipelines"][0]["verdicts"] if one["outcome"] == "regressed"]
    assert (verdict["kind"], verdict["what"]) == ("gate", "a.letters <= 3")
