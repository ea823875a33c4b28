"""Pictures of sections as data URLs, within a budget: the page holds everything and stays small."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgesmith.sections import Picture, Pictures, Subject
from edgesmith_flows.report.facts import Contribution

BUDGET = 900_000
"""Bytes of all pictures of a page, before base64 makes a third more of them."""

LARGEST = 100_000
"""Bytes of one picture."""

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""Pictures that hold nothing but pixels; SVG could hold scripts."""


@dataclass(frozen=True)
class Shown:
    """A picture as a data URL, with its caption."""

    url: str
    caption: str


@dataclass(frozen=True)
class Sheet:
    """Pictures of one section by subject."""

    title: str
    note: str
    groups: dict[str, list[Shown]]


def sheets(
    contributions: Sequence[Contribution], named: Callable[[Contribution, Subject | None], str]
) -> tuple[list[Sheet], list[str]]:
    """Load the pictures of all sections; return them, and notes on those left out.

    Args:
        contributions: sections of any shape.
        named: says what a picture is of.
    """
    left, made, notes = BUDGET, [], []
    for one in contributions:
        if not isinstance(one.section, Pictures) or one.folder is None:
            continue
        groups: dict[str, list[Shown]] = {}
        missed = 0
        for picture in one.section.pictures:
            found = _content(one.folder, picture)
            if found is None or len(found[1]) > left:
                missed += 1
                continue
            left -= len(found[1])
            url = f"data:{found[0]};base64,{base64.b64encode(found[1]).decode()}"
            groups.setdefault(named(one, picture.of), []).append(Shown(url, picture.caption))
        if missed:
            notes.append(f"{one.node.name}: {missed} pictures are left out: missing, damaged, or too much for one page")
        if groups or not one.section.pictures:
            made.append(Sheet(f"{one.node.name}: {one.section.title}", one.section.note, groups))
    return made, notes


def _content(folder: Path, picture: Picture) -> tuple[str, bytes] | None:
    """Return a picture's type and bytes; None unless it is a small PNG or JPEG inside the folder."""
    parts = PurePosixPath(picture.file)
    if parts.is_absolute() or ".." in parts.parts or "\0" in picture.file:
        return None
    file = folder / parts
    try:
        # The store holds no links; a folder that somebody changed might.
        if not file.resolve().is_relative_to(folder.resolve()) or file.stat().st_size > LARGEST:
            return None
        content = file.read_bytes()
    except OSError:
        return None
    kind = next((kind for start, kind in _SIGNATURES.items() if content.startswith(start)), None)
    return None if kind is None else (kind, content)
