"""The command line as a whole: its commands, its errors, its exit codes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgesmith_flows.cli.main import COMMANDS, keep_trace


def test_help_names_every_command_and_imports_none(edgesmith):
    answer = edgesmith("--help")
    assert answer.code == 0
    assert all(command in answer.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_text(call, command):
    answer = call(command, "-h")
    assert answer.code == 0
    assert "Usage: edgesmith" in answer.out


def test_the_version_is_that_of_the_distribution(call):
    from importlib.metadata import version

    assert call("--version").out == f"edgesmith, version {version('edgesmith')}\n"


def test_an_unknown_command_is_told_with_the_nearest_one(edgesmith):
    answer = edgesmith("rnu")
    assert answer.code == 1
    assert "unknown command 'rnu'; did you mean 'run'?" in answer.err


@pytest.mark.parametrize(
    "arguments", [("run",), ("list", "--fast"), ("show", "a", "b"), ("show", "x", "--format", "dot")]
)
def test_a_wrong_call_is_told_and_exits_with_1(call, arguments):
    answer = call(*arguments)
    assert answer.code == 1
    assert answer.err.startswith("Usage: edgesmith")
    assert "Error: " in answer.err


def test_a_bug_exits_with_3_and_leaves_a_log_to_attach(call, monkeypatch, tmp_path):
    import tempfile

    from edgesmith_flows.cli import list as module

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "known_pipelines", lambda: 1 / 0)
    answer = call("list")
    assert answer.code == 3
    first, second = answer.err.splitlines()
    assert first == "error: a bug in edgesmith: ZeroDivisionError: division by zero"
    log = Path(re.search(r"the details are in (\S+);", second).group(1))
    assert "in <lambda>" in log.read_text()


def test_a_kept_trace_is_a_file(tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    keep_trace("Traceback: é")
    (file,) = tmp_path.iterdir()
    assert file.read_text(encoding="utf-8") == "Traceback: é"


def test_a_reader_that_goes_away_is_no_error_to_speak_of(project):
    command = f"{Path(sys.executable).with_name('edgesmith')} schema | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
