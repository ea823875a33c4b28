"""Pages of docs/ as their readers follow them: files are written, commands are run, in order."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
PLACE = re.compile(r"# ([\w./-]+)\n")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    return _BLOCK.findall(text)


def follow(text: str, run: Callable[..., str], folder: Path) -> str:
    """Write each block that begins with a path, run each of language `sh`; return what the commands print.

    A `cd` in a block holds for the blocks behind it.
    """
    told = ""
    for language, block in blocks(text):
        place = PLACE.match(block)
        if language == "sh":
            out = run(f"{block}\npwd", folder)
            told += out
            folder = Path(out.splitlines()[-1])
        elif place:
            file = folder / place[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.partition("\n")[2])
    return told
