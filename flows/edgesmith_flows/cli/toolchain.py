"""`edgesmith toolchain`: the isolated environments that stages run in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from edgesmith_flows.cli.options import set_option

if TYPE_CHECKING:
    from edgesmith.stage import Toolchain


@click.group("toolchain", short_help="List, build, check and remove isolated environments.")
def command() -> None:
    """Look after the isolated environments that stages run in where this one does not meet their requirements.

    They live in EDGESMITH_TOOLCHAINS, or in your cache folder; uv builds each once, from its own cache.
    """


@command.command("ls")
def ls() -> None:
    """List them: their own disk (files that uv's cache holds too count nothing), last use, and whose they are."""
    from edgesmith_flows.toolchains import Toolchains
    from edgesmith_flows.toolchains.environment import described
    from edgesmith_flows.toolchains.inventory import environments, own_bytes

    toolchains = Toolchains()
    users = {toolchains.folder(one).name: who for one, who in _wishes().items()}
    count = total = 0
    for built in environments(toolchains.root):
        size = own_bytes(built.folder)
        count, total = count + 1, total + size
        used = "never used" if built.idle_days is None else f"used {built.idle_days:.0f} days ago"
        if built.record is None:
            click.echo(
                f"{built.name[:12]}  {size / 1e6:,.0f} MB, can't be used: `edgesmith toolchain rm {built.name[:12]}`"
            )
            continue
        record = built.record
        click.echo(
            f"{built.name[:12]}  {size / 1e6:,.0f} MB, {used}, Python {record.python}, "
            f"{len(record.freeze)} distributions, built in {record.seconds:.0f} s"
        )
        click.echo(f"  for {', '.join(users.get(built.name, [])) or 'no installed stage by its choices alone'}")
        click.echo(f"  {described(record.toolchain)}")
    click.echo(f"{count} toolchains, {total / 1e6:,.0f} MB in {toolchains.root}")


@command.command("build")
@click.argument("pipeline", required=False)
@set_option
def build(pipeline: str | None, overrides: tuple[str, ...]) -> None:
    """Build ahead all that PIPELINE needs; without it, all that an installed stage may ask for."""
    from edgesmith.errors import EdgesmithError, UserError
    from edgesmith_flows.toolchains import Toolchains
    from edgesmith_flows.toolchains.environment import described

    wanted = _wishes() if pipeline is None else _needs(pipeline, overrides)
    toolchains = Toolchains()
    failed: list[str] = []
    for toolchain, who in wanted.items():
        try:
            environment = toolchains.build(toolchain, click.echo)
        except EdgesmithError as error:
            failed.append(f"{', '.join(who)}: {error}")
            continue
        place = environment.name[:12] if environment.isolated else "this environment"
        click.echo(f"{', '.join(who)}: {place} ({described(toolchain)})")
    if failed:
        raise UserError("\n".join(failed))


@command.command("rm")
@click.argument("name", required=False)
@click.option("--unused-days", type=click.FloatRange(min=0), help="Remove those that nobody used for N days.")
@click.option("--all", "everything", is_flag=True, help="Remove all of them.")
def rm(name: str | None, unused_days: float | None, everything: bool) -> None:
    """Remove the environment NAME (the start of it will do), or several; those in use stay."""
    from edgesmith.errors import UserError
    from edgesmith_flows.toolchains import default_root
    from edgesmith_flows.toolchains.inventory import environments, named, own_bytes, remove

    if (name is not None) + (unused_days is not None) + everything != 1:
        raise click.UsageError("give one of NAME, --unused-days N and --all")
    root = default_root()
    chosen = [named(root, name)] if name is not None else list(environments(root))
    kept: list[str] = []
    for built in chosen:
        if unused_days is not None and built.idle_days is not None and built.idle_days < unused_days:
            continue
        size = own_bytes(built.folder)
        why = remove(built)
        if why is None:
            click.echo(f"{built.name[:12]}: removed, {size / 1e6:,.0f} MB")
        else:
            kept.append(f"{built.name[:12]} stays: {why}")
    if kept:
        raise UserError("\n".join(kept), hint="try again when that has ended")


@command.command("doctor")
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Check each: its Python runs, versions are as built, pins hold, imports work. Exit with 1 if one is ill."""
    from edgesmith_flows.toolchains import default_root
    from edgesmith_flows.toolchains.doctor import problems
    from edgesmith_flows.toolchains.environment import described
    from edgesmith_flows.toolchains.inventory import environments

    ill = 0
    for built in environments(default_root()):
        found = list(problems(built))
        ill += bool(found)
        what = f" ({described(built.record.toolchain)})" if built.record else ""
        click.echo(f"{built.name[:12]}: {'ill' if found else 'ok'}{what}")
        for problem in found:
            click.echo(f"  {problem}")
        if found:
            click.echo(f"  what to do: `edgesmith toolchain rm {built.name[:12]}`; the next run builds it anew")
    if ill:
        ctx.exit(1)


def _wishes() -> Mapping[Toolchain, list[str]]:
    """What the installed stages and runtimes may ask for."""
    from pathlib import Path

    from edgesmith_flows.registry import load_registry
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.toolchains.wishes import wishes

    return wishes(load_registry(load_settings().plugins, Path.cwd()))


def _needs(pipeline: str, overrides: tuple[str, ...]) -> Mapping[Toolchain, list[str]]:
    """What the nodes of a pipeline need."""
    from edgesmith_flows.overrides import parse_overrides
    from edgesmith_flows.session import open_session
    from edgesmith_flows.settings import load_settings

    session = open_session(pipeline, load_settings(), parse_overrides(overrides))
    needs: dict[Toolchain, list[str]] = {}
    for name, node in session.pipeline.nodes.items():
        for toolchain in session.identities.wanted(node):
            who = needs.setdefault(toolchain, [])
            if name not in who:
                who.append(name)
    return needs
