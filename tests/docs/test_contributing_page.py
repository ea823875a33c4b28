"""CONTRIBUTING.md's way to land a stage, followed to the letter in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import DOCS, blocks, follow

ROOT = DOCS.parent
STEPS = (ROOT / "CONTRIBUTING.md").read_text().partition("## Land a stage in an afternoon\n")[2].partition("\n## ")[0]
COPIED = ("docs", "flows", "pipelines", "plugins", "stages", "tests", "pyproject.toml", "README.md")
CACHE = ".mypy_cache"
"""Where mypy ran before, as in CI, it needs no second look at all the rest."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the steps read and change."""
    for name in (*COPIED, *([CACHE] if (ROOT / CACHE).is_dir() else [])):
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, tmp_path)
    return tmp_path


def here(command: str, folder: Path) -> str:
    """Run shell lines with this environment's tools, on the copy's packages."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env["PYTEST_ADDOPTS"] = "-n0"  # the machine's other cores have tests of their own
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    env["PYTHONPATH"] = os.pathsep.join(str(folder / name) for name in ("flows", "plugins", "stages"))
    lines = command.replace("uv run ", "")
    done = subprocess.run(["bash", "-ec", lines], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{lines}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def replaced(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text)


@pytest.mark.slow(150)
@pytest.mark.timeout(1500)
def test_a_stage_lands_with_every_check_green(copy: Path) -> None:
    stages, mark = copy / "stages/edgesmith_stages", "# src/edgesmith_acme/stamp.py\n"
    (page,) = (text for _, text in blocks((DOCS / "plugins.md").read_text()) if text.startswith(mark))
    (stages / "stamp.py").write_text(page.removeprefix(mark).replace("acme-stamp", "stamp"))
    last = re.search(r"^    from .* import Train\n", (stages / "plugin.py").read_text(), re.M)
    assert last
    imported = "    from edgesmith_stages.stamp import Stamp\n"
    listed = "        Train,\n"
    replaced(stages / "plugin.py", (last[0], imported + last[0]), (listed, f"{listed}        Stamp,\n"))

    told = follow(re.sub(r"^ {3}", "", STEPS, flags=re.M), here, copy)

    assert "stages.md: written" in told
    assert "Success: no issues found" in told
    assert "2 kept, 0 broken" in told
    assert re.search(r"\d+ passed", told)
