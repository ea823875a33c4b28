"""docs/troubleshooting.md explains messages that edgesmith really has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .pages import DOCS

ROOT = Path(__file__).parents[2]
HEADINGS = re.findall(r"^### (.+)$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def source() -> str:
    """All of the packages' text, with literals that go on in the next line joined."""
    folders = ("flows/edgesmith_flows", "plugins/edgesmith", "stages/edgesmith_stages")
    text = "\n".join(file.read_text() for folder in folders for file in sorted((ROOT / folder).rglob("*.py")))
    return re.sub(r"\"\n\s*f?\"", "", text)


@pytest.mark.parametrize("heading", HEADINGS)
def test_the_message_is_in_the_source(heading: str, source: str) -> None:
    """`…` may be anything that is filled in; every word around it must be there, in one message."""
    parts = [re.escape(part.strip()) for part in heading.split("…")]
    assert re.search('[^"\n]*'.join(parts), source), heading
