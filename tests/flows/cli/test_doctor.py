import json

import pytest


@pytest.fixture(autouse=True)
def _no_toolchains(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGESMITH_TOOLCHAINS", str(tmp_path / "toolchains"))


def test_everything_is_looked_at_in_groups(call):
    answer = call("doctor")
    assert answer.code == 0, answer.out
    groups = [line for line in answer.out.splitlines() if not line.startswith(" ")]
    assert groups == [
        "machine", "package", "plugin", "toolchain", "runtime", "target", "prefect", "store", "disk",
        groups[-1],
    ]  # fmt: skip
    assert groups[-1].startswith("0 broken, ")
    assert "  playground.plugin (local module): " in answer.out
    assert "  note: coreml: can't run coreml here: " in answer.out


def test_what_is_broken_is_told_with_what_to_do_and_ends_with_1(call, project):
    (project / "broken_plugin.py").write_text("import no_such_module\n")
    (project / "pyproject.toml").write_text('[tool.edgesmith]\nplugins = ["broken_plugin", "playground.plugin"]\n')
    answer = call("doctor")
    assert answer.code == 1
    assert (
        "  broken: broken_plugin (local module): ModuleNotFoundError: No module named 'no_such_module'\n" in answer.out
    )
    assert "    hint: mend broken_plugin, or take it out of `plugins:`\n" in answer.out
    assert answer.out.splitlines()[-1].startswith("1 broken, ")


def test_it_can_be_read_by_programs(call):
    answer = call("doctor", "--json")
    assert answer.code == 0
    told = json.loads(answer.out)
    assert told["ok"] is True
    assert {tuple(sorted(one)) for one in told["findings"]} == {("about", "hint", "name", "state", "text")}


def test_it_makes_no_store(call, tmp_path):
    call("doctor", "--store", str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
