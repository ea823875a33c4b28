"""The site of docs/: every link and anchor leads somewhere, every page is in the navigation, nothing is fetched."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from .pages import DOCS, PAGES

ROOT = DOCS.parent
CONFIG = ROOT / "zensical.toml"
OUTSIDE = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/README.md")])


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copy(CONFIG, tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")
    return tmp_path


def _files(entry: Any) -> list[str]:
    """The pages of a part of the navigation."""
    if isinstance(entry, str):
        return [entry]
    return [file for one in (entry.values() if isinstance(entry, dict) else entry) for file in _files(one)]


def test_every_page_is_in_the_navigation_once():
    listed = _files(tomllib.loads(CONFIG.read_text())["project"]["nav"])
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in PAGES), "see `nav` in zensical.toml"


@pytest.mark.parametrize("page", OUTSIDE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_pages_outside_the_site_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", page.read_text()):
        assert (page.parent / link).exists(), link


@pytest.mark.slow
def test_it_builds_with_every_link_and_anchor_checked_and_asks_nobody_for_anything(copied):
    done = build(copied)
    assert done.returncode == 0, done.stdout + done.stderr
    for page in PAGES:
        text = (copied / "site" / page.relative_to(DOCS)).with_suffix(".html").read_text()
        assert not re.findall(r"(?:src|<link[^>]+href)=[\"']?(?:https?:)?//[^\"' >]+", text), page


@pytest.mark.slow
def test_a_broken_link_and_a_broken_anchor_fail_the_build(copied):
    with (copied / "docs" / "diff.md").open("a") as page:
        page.write("\n[one](nowhere.md) and [another](caching.md#no-such-heading)\n")
    done = build(copied)
    assert done.returncode != 0
    assert "2 issues found" in done.stdout + done.stderr
