"""`edgesmith cache`: look into the store."""

from __future__ import annotations

import click

from edgesmith_flows.cli.options import store_option


@click.group("cache", short_help="Look into the store.")
def command() -> None:
    """Look into the store of artifacts."""


@command.command("ls")
@store_option
def ls(store: str | None) -> None:
    """List what the store holds: stage, kind, size, digest, and the key that gave it."""
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    opened = Store.open(load_settings(store).store)
    total = count = 0
    for action in opened.actions():
        for port, digest in action.outputs.items():
            manifest = opened.manifest(digest)
            size = sum(entry[1] for entry in manifest["files"].values())
            stage = action.document.get("stage", "?")
            click.echo(f"{digest[:12]}  {manifest['kind']:<8} {size:>12,}  {stage}.{port}  key {action.key[:12]}")
    for digest in opened.artifacts():
        count += 1
        if not opened.has(digest):
            click.echo(f"{digest[:12]}  damaged: see `edgesmith cache verify`")
            continue
        total += sum(entry[1] for entry in opened.manifest(digest)["files"].values())
    click.echo(f"{count} artifacts, {total:,} bytes in {opened.root}")


@command.command("verify")
@store_option
@click.pass_context
def verify(ctx: click.Context, store: str | None) -> None:
    """Compare every artifact's content with its digest; exit with 1 if one is damaged."""
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    opened = Store.open(load_settings(store).store)
    damaged = 0
    count = 0
    for digest in opened.artifacts():
        count += 1
        problem = opened.verify(digest)
        if problem:
            damaged += 1
            click.echo(f"{digest}: {problem}")
    click.echo(f"{count} artifacts, {damaged} damaged")
    if damaged:
        ctx.exit(1)
