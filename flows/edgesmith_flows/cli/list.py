"""`edgesmith list`: the pipelines that a bare name finds."""

from __future__ import annotations

import re
from pathlib import Path

import click

from edgesmith_flows.settings import known_pipelines

_DESCRIPTION = re.compile(r"^description:\s*(.+?)\s*$", re.MULTILINE)


@click.command("list", short_help="List pipelines.")
def command() -> None:
    """List the pipelines that can be run by name: those in ./pipelines, and those that ship."""
    found = known_pipelines()
    width = max((len(name) for name in found), default=0)
    for name, file in sorted(found.items()):
        click.echo(f"{name.ljust(width)}  {_described(file)}".rstrip())


def _described(file: Path) -> str:
    """Return a pipeline's description by a look at one line: reading YAML would take longer than all the rest."""
    try:
        match = _DESCRIPTION.search(file.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        return f"({file} can't be read: {error.strerror or error})"
    return match.group(1).strip("\"'") if match else ""
