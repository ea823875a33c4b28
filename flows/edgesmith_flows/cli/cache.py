"""`edgesmith cache`: look into the store, make room in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from edgesmith_flows.cli.options import remote_option, set_option, store_option

if TYPE_CHECKING:
    from edgesmith_flows.collect import Collected
    from edgesmith_flows.remote import Remote
    from edgesmith_flows.settings import Settings
    from edgesmith_flows.store import Store

_DAYS = click.FloatRange(min=0)


@click.group("cache", short_help="Look into the store, share it, make room in it.")
def command() -> None:
    """Look into the store of artifacts, share it, make room in it."""


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


@command.command("show")
@click.argument("digest")
@store_option
def show(digest: str, store: str | None) -> None:
    """Show an artifact by its DIGEST, or the start of it: its files, and what made it from what."""
    from edgesmith.errors import UserError
    from edgesmith_flows.explain import short
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    opened = Store.open(load_settings(store).store)
    found = [one for one in opened.artifacts() if one.startswith(digest)]
    if len(found) != 1:
        which = f"{len(found)} artifacts start with" if found else "no artifact starts with"
        raise UserError(f"{which} {digest!r}", hint="`edgesmith cache ls` lists them")
    manifest = opened.manifest(found[0])
    click.echo(f"{found[0]}\nkind: {manifest['kind']}\nfolder: {opened.artifact_folder(found[0]) / 'files'}\nfiles:")
    for name, (content, size) in sorted(manifest["files"].items()):
        click.echo(f"  {content[:12]}  {size:>12,}  {name}")
    for action in opened.actions():
        for port in (port for port, output in action.outputs.items() if output == found[0]):
            click.echo(f"made by {action.document.get('stage', '?')} as {port}, in {action.seconds:.1f} s")
            click.echo(f"  key: {action.key}")
            if not action.deterministic:
                click.echo("  deterministic: no, made again it may have other bytes")
            for name, value in action.document.items():
                if value:
                    click.echo(f"  {name}: {short(value)}")


@command.command("gc")
@click.option("--keep-days", type=_DAYS, metavar="N", help="Keep runs, and what they made or found, for N days.")
@click.option(
    "--keep-runs", type=click.IntRange(min=0), metavar="N", help="Keep the last N runs of each pipeline and nightly."
)
@click.option("--keep-records", type=_DAYS, metavar="N", help="Keep records and pages of runs for N days in any case.")
@click.option("--max-size", metavar="SIZE", help="Then remove what was unused for longest until the store fits: 20GB.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print all that goes as a JSON document.")
@store_option
def gc(
    keep_days: float | None,
    keep_runs: int | None,
    keep_records: float | None,
    max_size: str | None,
    dry_run: bool,
    as_json: bool,
    store: str | None,
) -> None:
    """Remove what nobody needs.

    Without an option: artifacts that no result names any more, and left-overs of failed tries older than a week. What a
    running pipeline or a baseline needs always stays, and so do all runs' figures (`edgesmith history`).
    """
    from edgesmith_flows.collect import collect, parse_size
    from edgesmith_flows.outdated import Policy
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    policy = Policy(keep_days, keep_runs, parse_size(max_size) if max_size else None, keep_records)
    opened = Store.open(load_settings(store).store)
    found = collect(opened, policy, dry_run=dry_run)
    if found.unindexed:
        told = f"{found.unindexed} records stay: their figures can't be written to {opened.root / 'figures.sqlite'}"
        click.echo(f"warning: {told}", err=True)
    if as_json:
        click.echo(json.dumps(_collected(found, opened, dry_run), indent=1))
        return
    for digest, size in sorted(found.artifacts.items()) if dry_run else ():
        click.echo(f"{digest[:12]}  {size:>12,}")
    for place, size in sorted({**found.records, **found.left_overs}.items()) if dry_run else ():
        click.echo(f"{place.relative_to(opened.root)}  {size:,}")
    click.echo(
        f"{'would remove' if dry_run else 'removed'} {len(found.artifacts)} artifacts, {len(found.keys)} results, "
        f"{len(found.records)} records and pages, and {len(found.left_overs)} left-overs, {found.bytes:,} bytes; "
        f"{found.kept_artifacts} artifacts stay, {found.kept_bytes:,} bytes"
    )


def _collected(found: Collected, store: Store, dry_run: bool) -> dict[str, Any]:
    return {
        "removed": not dry_run,
        "bytes": found.bytes,
        "artifacts": dict(sorted(found.artifacts.items())),
        "results": found.keys,
        "records": {str(place.relative_to(store.root)): size for place, size in sorted(found.records.items())},
        "left_overs": {str(place.relative_to(store.root)): size for place, size in sorted(found.left_overs.items())},
        "kept": {"artifacts": found.kept_artifacts, "bytes": found.kept_bytes, "unindexed": found.unindexed},
    }


@command.command("push")
@click.argument("pipeline", required=False)
@store_option
@remote_option
def push(pipeline: str | None, store: str | None, remote: str | None) -> None:
    """Send results to the remote store: those of PIPELINE's newest run, or all; exit with 1 if one isn't there then."""
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store
    from edgesmith_flows.tags import newest_run

    settings = load_settings(store, remote)
    shared, opened = open_remote(settings), Store.open(settings.store)
    keys = list(dict.fromkeys(newest_run(opened, pipeline).keys)) if pipeline else [a.key for a in opened.actions()]
    count = sent = 0
    with opened.lease():
        for key in keys:
            action = opened.find(key)
            sent += shared.push_action(opened, action) if action else 0
            count += shared.peek(key) is not None
    told = f"{count} results are" if count == len(keys) else f"{count} of {len(keys)} results are"
    click.echo(f"{told} on {shared.place}; sent {sent:,} bytes")
    if shared.dead or count < len(keys):
        raise click.exceptions.Exit(1)


@command.command("pull")
@click.argument("pipeline", required=False)
@set_option
@store_option
@remote_option
def pull(pipeline: str | None, overrides: tuple[str, ...], store: str | None, remote: str | None) -> None:
    """Bring results from the remote store: those that PIPELINE would otherwise make, or all.

    Exit with 1 if it can't be used, or one that it has can't be brought here.
    """
    from edgesmith_flows.overrides import parse_overrides
    from edgesmith_flows.session import fetch, open_session, plan_session
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    settings = load_settings(store, remote)
    more = ""
    if pipeline:
        session = open_session(pipeline, settings, parse_overrides(overrides))
        shared = session.remote or open_remote(settings)
        with session.store.lease():
            plan, _ = plan_session(session)
            wanted = [name for name, step in plan.steps.items() if step.remote]
            after = fetch(session, plan)
        count = sum(after.steps[name].state == "cached" for name in wanted)
        missing = len(wanted) - count
        there = sum(step.state == "cached" for step in after.steps.values())
        more = f"; {there} of {len(after.steps)} nodes are cached"
    else:
        shared, opened, count, missing = open_remote(settings), Store.open(settings.store), 0, 0
        with opened.lease():
            for key in shared.actions():
                if opened.find(key) is None:
                    got = shared.pull_action(opened, key) is not None
                    count, missing = count + got, missing + (not got)
    told = f"{count} of {count + missing} results" if missing else f"{count} results"
    click.echo(f"fetched {told} from {shared.place}{more}")
    if shared.dead or missing:
        raise click.exceptions.Exit(1)


def open_remote(settings: Settings) -> Remote:
    """Open the remote store that the settings name; raise UserError where they name none."""
    from edgesmith.errors import UserError
    from edgesmith_flows.remote import Remote

    if settings.remote is None:
        hint = "give --remote URL, or set EDGESMITH_REMOTE or `remote` in pyproject.toml's [tool.edgesmith]"
        raise UserError("there is no remote store", hint=hint)
    return Remote(settings.remote)
