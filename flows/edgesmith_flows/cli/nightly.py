"""`edgesmith nightly`: run pipelines and hold them against a baseline."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

import click

from edgesmith_flows.cli.options import remote_option, store_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgesmith_flows.nightly.document import Entry


@click.command("nightly", short_help="Run a nightly.")
@click.argument("nightly", default="nightly")
@click.option("--json", "as_json", is_flag=True, help="Print the night's record as JSON; what goes on goes to stderr.")
@store_option
@remote_option
@click.pass_context
def command(ctx: click.Context, nightly: str, as_json: bool, store: str | None, remote: str | None) -> None:
    """Run all pipelines of NIGHTLY (by name or path; `nightly` by default), and hold each against its baseline.

    Exits with 1 if anything got worse. docs/nightly.md says what counts.
    """
    from dataclasses import asdict

    from edgesmith_flows.console import make_view
    from edgesmith_flows.nightly.document import load_nightly
    from edgesmith_flows.nightly.here import run_here
    from edgesmith_flows.nightly.night import hold_night
    from edgesmith_flows.nightly.told import lines
    from edgesmith_flows.settings import load_settings

    document, settings = load_nightly(nightly), load_settings(store, remote)
    stream = sys.stderr if as_json else sys.stdout

    def tell(text: str) -> None:
        click.echo(text, file=stream)

    def run_one(entry: Entry, wrote: Callable[[str], None]) -> None:
        with make_view(stream) as view:
            run_here(entry, settings, view, wrote)

    night = hold_night(document, settings, run_one, tell)
    if as_json:
        click.echo(json.dumps({"ok": night.ok, **asdict(night)}, indent=1))
    else:
        for line in lines(night):
            click.echo(line)
        if night.ok and any(not one.baseline for one in night.pipelines):
            place = ["--store", store] if store else []
            click.echo(f"next: {shlex.join(['edgesmith', 'baseline', 'promote', document.name, *place])}")
    ctx.exit(0 if night.ok else 1)
