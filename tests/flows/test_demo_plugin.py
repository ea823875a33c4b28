"""tests/demo_plugin, a distribution of its own, is found like the built-in plugin (see test_run.py for its run)."""

import pytest


@pytest.fixture
def with_demo(edgesmith, demo_plugin):
    return lambda *arguments: edgesmith(*arguments, PYTHONPATH=str(demo_plugin))


def test_it_is_listed_with_its_version_and_what_it_brings(with_demo):
    lines = with_demo("plugins").out.splitlines()
    assert lines[lines.index("demo (edgesmith-demo 0.2.0): ok") + 1 :][:3] == [
        "  stage linear-fit", "  runtime linear", "  kind linear",
    ]  # fmt: skip


def test_its_stage_is_listed_and_described_like_any_other(with_demo):
    assert "Fit a linear classifier to pixels by ridge regression.  [edgesmith-demo 0.2.0]" in with_demo("stages").out
    assert "  model: linear" in with_demo("stages", "linear-fit").out


def test_a_clash_of_names_names_both_distributions(with_demo, project):
    (project / "thief.py").write_text(
        "from edgesmith import Stage, hookimpl\n"
        "class Thief(Stage):\n    name = 'linear-fit'\n"
        "@hookimpl\ndef edgesmith_stages():\n    return [Thief]\n"
    )
    (project / "pyproject.toml").write_text('[tool.edgesmith]\nplugins = ["thief"]\n')
    assert "two plugins bring the stage 'linear-fit': edgesmith-demo 0.2.0 and local module" in with_demo("plugins").out
