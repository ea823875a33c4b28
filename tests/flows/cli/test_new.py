import subprocess
import sys
import tomllib
from itertools import combinations

import pytest

from edgesmith import UserError
from edgesmith_flows.document import parse_document
from edgesmith_flows.registry import load_registry
from edgesmith_flows.scaffold import PARTS, filled, words, write_plugin
from edgesmith_flows.yaml_source import load_yaml


def test_the_next_steps_are_told(call):
    answer = call("new", "plugin", "acme", "--into", "made")
    assert answer.code == 0, answer.err
    steps = answer.out.partition("next:\n")[2]
    assert [line.split("#")[0].strip() for line in steps.splitlines()] == [
        "cd made/edgesmith-acme", "uv pip install -e . --group dev", "pytest", "edgesmith run acme",
    ]  # fmt: skip
    assert "edgesmith-acme/src/edgesmith_acme/rounding.py" in answer.out


def test_a_folder_that_is_there_is_left_alone(call, project):
    (project / "edgesmith-acme").mkdir()
    answer = call("new", "plugin", "acme")
    assert answer.code == 1
    assert "edgesmith-acme exists already" in answer.err
    assert not list((project / "edgesmith-acme").iterdir())


@pytest.mark.parametrize(
    ("name", "part", "told"),
    [
        ("digits", "dataset", "the dataset 'digits' is there already, by edgesmith"),
        ("host", "target", "the target 'host' is there already, by edgesmith"),
        ("onnx", "runtime", "the kind 'onnx' is there already, by edgesmith"),
    ],
)
def test_the_name_of_what_is_there_is_refused(call, project, name, part, told):
    answer = call("new", "plugin", name, f"--{part}")
    assert (answer.code, answer.out) == (1, "")
    assert told in answer.err and "hint: choose another name" in answer.err
    assert not list(project.glob("edgesmith-*"))


def test_the_steps_can_be_pasted(call):
    answer = call("new", "plugin", "acme", "--into", "my plugins")
    assert "  cd 'my plugins/edgesmith-acme'" in answer.out


@pytest.mark.parametrize("into", ["file", "file/below", "/proc"])
def test_a_place_that_cannot_be_written_is_told(call, project, into):
    (project / "file").write_text("")
    answer = call("new", "plugin", "acme", "--into", into)
    assert (answer.code, answer.out) == (1, "")
    assert f"error: {into}/edgesmith-acme can't be written: " in answer.err
    assert "hint: choose another folder with --into" in answer.err


@pytest.mark.parametrize(
    "name", ["Acme", "acme_one", "-acme", "acme--one", "1acme", "../acme", "", "a" * 50, "edgesmith-"]
)
def test_a_name_that_no_distribution_can_have_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="can't name a plugin: expected lower-case letters"):
        write_plugin(name, ["stage"], tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["stages", "edgesmith-flows", "edgesmith"])
def test_the_name_of_a_package_that_is_there_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="is taken"):
        write_plugin(name, ["stage"], tmp_path)


@pytest.mark.parametrize("name", ["acme-compiler", "edgesmith-acme-compiler"])
def test_all_names_follow_from_one(name):
    named = words(name, ["runtime"])
    assert named["distribution"] == "edgesmith-acme-compiler"
    assert named["package"] == "edgesmith_acme_compiler"
    assert named["slug"] == "acme-compiler"
    assert named["Name"] == "AcmeCompiler"


@pytest.mark.parametrize("name", ["on", "null", "true"])
def test_a_name_that_means_something_in_yaml_stays_a_name(tmp_path, name):
    folder = write_plugin(name, PARTS, tmp_path)
    document = parse_document(load_yaml(folder / "pipelines" / f"{name}.yaml"))
    assert document.name == document.params["data"] == document.stages["bench"].with_["target"] == name


def test_a_template_keeps_what_its_parts_ask_for():
    text = "a\n# [[if stage runtime]]\n{{b}}\n# [[end]]\n# [[if no-stage]]\nc\n# [[end]]\n"
    assert filled(text, {"b": "B"}, ["runtime"]) == "a\nB\nc\n"
    assert filled(text, {"b": "B"}, ["stage"]) == "a\nB\n"
    assert filled(text, {"b": "B"}, ["target"]) == "a\nc\n"


@pytest.fixture
def forget():
    """Forget the modules of the plugins that a test makes."""
    yield
    for name in [name for name in sys.modules if name.startswith("edgesmith_acme")]:
        del sys.modules[name]


@pytest.mark.parametrize("parts", [c for n in (1, 4) for c in combinations(PARTS, n)], ids="-".join)
@pytest.mark.usefixtures("forget")
def test_what_is_written_loads_and_is_well_formed(tmp_path, parts, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = write_plugin("acme", parts, tmp_path)
    assert (folder.stat().st_mode & 0o777) == 0o755
    for options in (["check", "--select=E,F,I,B,UP,SIM,D1", "--ignore=D102,D103,D105,D107"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *options, "--isolated", "--no-cache", "--line-length=120", "."],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
    assert not [file for file in folder.rglob("*") if file.is_file() and "[[if" in file.read_text()]
    entry = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["entry-points"]["edgesmith"]["acme"]
    (state,) = load_registry([entry], folder / "src").plugins[1:]
    assert state.error is None, state.details
    assert not state.notes
    brought = {one.partition(":")[0] for one in state.brings}
    assert {f"{part}s" for part in parts} <= brought


@pytest.mark.slow(70)
def test_a_new_plugin_installs_passes_its_contract_tests_and_runs_in_a_pipeline(author, tmp_path):
    author("edgesmith new plugin acme --stage --runtime --target --dataset", tmp_path)
    folder = tmp_path / "edgesmith-acme"
    author("uv pip install -e . --group dev", folder)
    try:
        tests = author("python -m pytest -q -p no:cacheprovider", folder)
        assert "33 passed" in tests
        assert "acme (edgesmith-acme 0.1.0): ok\n  stage acme-round\n" in author("edgesmith plugins", folder)
        assert "acme-round" in author("edgesmith schema", folder)
        out = author("edgesmith run acme", folder)
        assert 'ok   eval.agreement["compiled"] >= 0.98' in out
        assert "acme: 6 nodes (6 done)" in out
    finally:
        author("uv pip uninstall edgesmith-acme")
    assert "acme" not in author("edgesmith plugins")
