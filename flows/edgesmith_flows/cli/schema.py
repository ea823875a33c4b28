"""`edgesmith schema`: the JSON Schema of pipelines and nightlies."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("schema", short_help="Write the JSON Schema of pipelines and nightlies.")
def command() -> None:
    """Write the JSON Schema of pipelines and nightlies, with the params of every installed stage, for editors."""
    from edgesmith_flows.json_schema import file_schema
    from edgesmith_flows.registry import load_registry
    from edgesmith_flows.settings import load_settings

    registry = load_registry(load_settings().plugins, Path.cwd())
    click.echo(json.dumps(file_schema(registry), indent=2, sort_keys=True))
