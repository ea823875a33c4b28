"""`edgesmith schema`: the JSON Schema of pipeline files."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("schema", short_help="Write the JSON Schema of pipeline files.")
def command() -> None:
    """Write the JSON Schema of pipeline files, with the params of every installed stage, for editors."""
    from edgesmith_flows.json_schema import pipeline_schema
    from edgesmith_flows.registry import load_registry
    from edgesmith_flows.settings import load_settings

    click.echo(
        json.dumps(pipeline_schema(load_registry(load_settings().plugins, Path.cwd())), indent=2, sort_keys=True)
    )
