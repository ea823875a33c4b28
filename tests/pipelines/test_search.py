"""A search as a user runs it: through Prefect, over real nodes, interrupted, gone on with, and grown."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow(30)

INNER = """
name: poem
params: {copies: 1, mark: 1}
stages:
  a: {uses: write, with: {text: o, copies: "${params.copies}"}}
  b: {uses: shout, needs: a, with: {marks: "${params.mark}"}}
gates:
  - a.letters <= 8
"""
OUTER = """
name: hunt
stages:
  search:
    uses: search
    with:
      pipeline: poem
      space:
        copies: {low: 1, high: 12}
        mark: [1, 2]
      objectives:
        letters:
          maximize: a.letters
        marks:
          minimize: b.marks
      trials: 4
gates:
  - search.best["letters"] <= 8
"""


@pytest.fixture(scope="module")
def hunt(tmp_path_factory):
    """A project folder, and a function that calls edgesmith in it."""
    folder = tmp_path_factory.mktemp("hunt")
    (folder / "pipelines").mkdir()
    (folder / "pipelines" / "poem.yaml").write_text(textwrap.dedent(INNER))
    (folder / "pipelines" / "hunt.yaml").write_text(textwrap.dedent(OUTER))
    tests = Path(__file__).parent.parent
    (folder / "playground").symlink_to(tests / "playground")
    (folder / "pyproject.toml").write_text('[tool.edgesmith]\nplugins = ["playground.plugin"]\n')
    command = [Path(sys.executable).with_name("edgesmith")]
    env = {**os.environ, "EDGESMITH_STORE": str(folder / "store")}

    def call(*arguments):
        return subprocess.Popen(
            [*command, *arguments], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return call


def finished(process):
    out, _ = process.communicate(timeout=300)
    return process.returncode, out


def test_it_runs_is_interrupted_goes_on_and_grows(hunt):
    process = hunt("run", "hunt")
    lines = []
    while not any("trial 2" in line for line in lines):
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    process.send_signal(signal.SIGINT)
    code, _ = finished(process)
    assert code == 130

    more = ("run", "hunt", "--set", "search.trials=5")
    code, out = finished(hunt(*more))
    assert code == 0, out
    assert "trials=5" in out
    assert "a: started" not in out[: out.index("search: trial 2 ")], "what was made before was made again"

    code, out = finished(hunt(*more))
    assert code == 0
    assert "search: cached" in out
    assert "Prefect" not in out
