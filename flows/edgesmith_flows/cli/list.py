"""`edgesmith list`: the pipelines that a bare name finds."""

from __future__ import annotations

import re

import click

from edgesmith_flows.settings import known_pipelines

_DESCRIPTION = re.compile(r"^description:\s*(.+?)\s*$", re.MULTILINE)


@click.command("list", short_help="List pipelines.")
def command() -> None:
    """List the pipelines that can be run by name: those in ./pipelines, and those that ship."""
    found = known_pipelines()
    width = max((len(name) for name in found), default=0)
    for name, file in sorted(found.items()):
        # A look at one line of the text: reading YAML would take longer than all the rest of the command.
        match = _DESCRIPTION.search(file.read_text(encoding="utf-8", errors="replace"))
        text = match.group(1).strip("\"'") if match else ""
        click.echo(f"{name.ljust(width)}  {text}".rstrip())
