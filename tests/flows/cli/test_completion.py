"""Shell completion, in a real shell where there is one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgesmith_flows.cli.main import COMMANDS

TEXT = "name: tiny\nstages:\n  alpha: {uses: write}\n  beta: {uses: shout, needs: alpha}\n"


@pytest.fixture
def offered(project, monkeypatch):
    """What bash offers for the last word of a line."""
    (project / "pipelines").mkdir()
    (project / "pipelines" / "tiny.yaml").write_text(TEXT)
    (project / "other.yaml").write_text("stages: [")
    folder = Path(sys.executable).parent
    script = project / "complete.bash"

    def offered(*words):
        line = " ".join(f"'{word}'" for word in words)
        script.write_text(
            f"PATH={folder}:$PATH; source <(edgesmith completion bash); COMP_WORDS=({line}); "
            f'COMP_CWORD={len(words) - 1}; _edgesmith_completion edgesmith; printf "%s\\n" "${{COMPREPLY[@]}}"'
        )
        done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=True, timeout=120)
        assert done.stderr == ""
        return done.stdout.split()

    return offered


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("bash"), reason="bash is missing: apt-get install bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("edgesmith", "com"), ["compare", "completion"]),
        (("edgesmith", "run", "ti"), ["tiny"]),
        (("edgesmith", "run", "oth"), ["other.yaml"]),
        (("edgesmith", "run", "tiny", "--only", ""), ["alpha", "beta"]),
        (("edgesmith", "run", "tiny", "--force", "b"), ["beta"]),
        (("edgesmith", "run", "other.yaml", "--only", ""), []),
        (("edgesmith", "explain", "tiny", "al"), ["alpha"]),
        (("edgesmith", "run", "--qu"), ["--quiet"]),
    ],
)
def test_bash_completes(offered, words, expected):
    assert offered(*words) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(call, shell):
    answer = call("completion", shell)
    assert answer.code == 0 and "_EDGESMITH_COMPLETE" in answer.out


def test_an_unknown_shell_is_refused(call):
    assert "'csh' is not one of" in call("completion", "csh").err


def test_runs_are_completed_by_pipeline_and_by_name(tmp_path):
    import click

    from edgesmith_flows.cli.completions import complete_runs
    from edgesmith_flows.cli.report import command

    folder = tmp_path / "runs"
    folder.mkdir()
    for name in ("20260101T000000.000001-tiny-one", "20260102T000000.000001-big"):
        (folder / f"{name}.json").touch()
    ctx = click.Context(command)
    ctx.params["store"] = str(tmp_path)
    param = command.params[0]
    assert complete_runs(ctx, param, "") == [
        "big", "tiny-one", "20260102T000000.000001-big", "20260101T000000.000001-tiny-one",
    ]  # fmt: skip
    assert complete_runs(ctx, param, "ti") == ["tiny-one"]


def test_commands_are_offered_without_importing_them(python):
    code = """
import sys, click
from edgesmith_flows.cli.main import cli
print(len(cli.shell_complete(click.Context(cli), "")), *(n for n in sys.modules if n.startswith("edgesmith_flows.cli")))
"""
    count, *modules = python(code).split()
    assert int(count) >= len(COMMANDS)
    assert set(modules) == {"edgesmith_flows.cli", "edgesmith_flows.cli.main"}
