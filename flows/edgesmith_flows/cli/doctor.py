"""`edgesmith doctor`: what a run needs, and what of it is broken."""

from __future__ import annotations

import json

import click

from edgesmith_flows.cli.options import store_option


@click.command("doctor", short_help="Say what is broken.")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Write the findings as one JSON document.")
@click.pass_context
def command(ctx: click.Context, store: str | None, as_json: bool) -> None:
    """Look at Python, packages, plugins, toolchains, runtimes, targets, Prefect's API, the store and the disks.

    Changes nothing. Exits with 1 if something is broken; notes are about what may be meant so.
    """
    from dataclasses import asdict

    from edgesmith_flows.doctor import examine
    from edgesmith_flows.settings import load_settings

    findings = []
    group = ""
    for one in examine(load_settings(store)):
        findings.append(one)
        if as_json:
            continue
        if one.about != group:
            group = one.about
            click.echo(group)
        mark = "" if one.state == "ok" else f"{one.state}: "
        click.echo(f"  {mark}{one.name}: {one.text}")
        if one.hint:
            click.echo(f"    hint: {one.hint}")
    broken = sum(one.state == "broken" for one in findings)
    notes = sum(one.state == "note" for one in findings)
    if as_json:
        click.echo(json.dumps({"ok": not broken, "findings": [asdict(one) for one in findings]}, indent=2))
    else:
        click.echo(f"{broken} broken, {notes} notes")
    if broken:
        ctx.exit(1)
