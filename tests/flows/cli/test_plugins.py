import pytest


def test_every_plugin_is_listed_with_what_it_brings(edgesmith):
    answer = edgesmith("plugins")
    assert answer.code == 0, answer.err
    assert "playground.plugin (local module): ok" in answer.out
    assert "  stage write" in answer.out
    assert "  runtime sign-runner" in answer.out
    assert "  kind text" in answer.out
    assert "  dataset words" in answer.out


@pytest.fixture
def broken(project):
    (project / "broken_plugin.py").write_text("import no_such_module\n")
    (project / "pyproject.toml").write_text('[tool.edgesmith]\nplugins = ["broken_plugin", "playground.plugin"]\n')


def test_one_that_failed_is_shown_with_its_cause_and_the_others_work(broken, call):
    answer = call("plugins")
    assert answer.code == 0
    assert "broken_plugin (local module): ModuleNotFoundError: No module named 'no_such_module'" in answer.out
    assert "playground.plugin (local module): ok" in answer.out
    assert "Traceback" not in answer.out


def test_its_traceback_is_shown_when_asked_for(broken, call):
    assert "Traceback" in call("plugins", "--traceback").out


def test_a_failed_plugin_is_named_where_a_stage_is_missing(broken, call):
    answer = call("stages", "shiny")
    assert answer.code == 1
    assert "a plugin that failed to load may bring it: broken_plugin" in answer.err
