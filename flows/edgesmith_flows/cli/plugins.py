"""`edgesmith plugins`: what is installed, what it brings, and why some failed."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("plugins", short_help="List plugins.")
@click.option("--traceback", is_flag=True, help="Show the traceback of plugins that failed to load.")
def command(traceback: bool) -> None:
    """List plugins with what they bring. One that failed to load is shown with its cause; the others work."""
    from edgesmith_flows.registry import load_registry
    from edgesmith_flows.settings import load_settings

    for plugin in load_registry(load_settings().plugins, Path.cwd()).plugins:
        click.echo(f"{plugin.name} ({plugin.origin}): {plugin.error or 'ok'}")
        for one in plugin.brings:
            click.echo(f"  {one.partition(':')[0].rstrip('s').replace('_', ' ')} {one.partition(':')[2]}")
        for note in plugin.notes:
            click.echo(f"  note: {note}")
        if plugin.hint:
            click.echo(f"  hint: {plugin.hint}")
        if traceback and plugin.details:
            click.echo(plugin.details)
