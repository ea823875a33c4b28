"""`edgesmith stages`: what can be used in a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("stages", short_help="List stages.")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the installed stages; with NAME, that stage's ports and params."""
    from edgesmith_flows.registry import load_registry
    from edgesmith_flows.settings import load_settings

    registry = load_registry(load_settings().plugins, Path.cwd())
    if name is not None:
        click.echo(describe(registry.find("stage", registry.stages, name)))
        return
    width = max((len(one) for one in registry.stages), default=0)
    for one, stage in sorted(registry.stages.items()):
        click.echo(f"{one.ljust(width)}  {first_line(stage.__doc__)}  [{registry.origins['stages', one]}]")


def first_line(text: str | None) -> str:
    """Return a docstring's first line."""
    return (text or "").strip().partition("\n")[0]


def describe(stage: Any) -> str:
    """Describe a stage: its docstring, ports, requirements and params."""
    import inspect

    from edgesmith.ports import as_port

    lines = [f"{stage.name} (version {stage.version})", "", inspect.cleandoc(stage.__doc__ or ""), ""]
    for title, ports in (("inputs", stage.inputs), ("outputs", stage.outputs)):
        lines.append(f"{title}:")
        for port, spec in ports.items():
            made = as_port(spec)
            kind = f"same as {made.like}" if made.like else str(made)
            lines.append(f"  {port}: {kind}{' (optional)' if made.optional else ''}")
    lines.append(f"requirements: {', '.join(stage.requirements) or 'none, or by its input'}")
    lines.append("params:")
    schema = stage.Params.model_json_schema()
    for field, about in schema.get("properties", {}).items():
        kind = _type(about)
        default = "required" if field in schema.get("required", ()) else f"default {about.get('default')!r}"
        lines.append(f"  {field}: {kind}, {default}{'  ' + about['description'] if 'description' in about else ''}")
    return "\n".join(lines)


def _type(about: dict[str, Any]) -> str:
    if "enum" in about:
        return " | ".join(str(one) for one in about["enum"])
    if "anyOf" in about:
        return " | ".join(_type(one) for one in about["anyOf"])
    if "$ref" in about:
        return str(about["$ref"]).rpartition("/")[2]
    return str(about.get("const", about.get("type", "any")))
