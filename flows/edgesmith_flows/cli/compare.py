"""`edgesmith compare`: two runs, figure by figure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from edgesmith_flows.cli.options import store_option

if TYPE_CHECKING:
    from edgesmith_flows.figures.changes import Cause
    from edgesmith_flows.figures.table import FigureTable, RunFigures
    from edgesmith_flows.nightly.verdict import Verdict
    from edgesmith_flows.store import Store

_WORDS = {"regressed": "worse", "improved": "better", "changed": "changed", "unsure": "?", "same": "", "fine": ""}


@click.command("compare", short_help="Compare two runs.")
@click.argument("before", metavar="RUN")
@click.argument("after", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document instead.")
@store_option
def command(before: str, after: str, as_json: bool, store: str | None) -> None:
    """Show the figures that differ between two RUNs, what that means, and which parts of the keys changed.

    A RUN is a run's name or its start, a pipeline (its newest run), or a baseline's name. Latencies of two runs were
    measured at different times: only the nightly measures both side by side (see docs/nightly.md).
    """
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    show(Store.open(load_settings(store).store), before, after, as_json=as_json)


def show(store: Store, before: str, after: str, *, as_json: bool = False) -> None:
    """Print what differs between two runs, named as on the command line."""
    from edgesmith_flows.figures.changes import causes
    from edgesmith_flows.figures.table import FigureTable
    from edgesmith_flows.nightly.versus import judge_changes

    with FigureTable(store) as table:
        runs = [_find(store, table, name) for name in (before, after)]
        verdicts = judge_changes(store, table, runs[0], runs[1])
        brought = causes(table, runs[0], runs[1])
    if as_json:
        click.echo(json.dumps(document(runs[0].run, runs[1].run, verdicts, brought), indent=1))
        return
    click.echo(f"{runs[0].run} -> {runs[1].run}")
    for line in lines(verdicts):
        click.echo(line)
    if not verdicts:
        click.echo("no figure differs")
    for cause in brought:
        click.echo(f"{cause.node} ({', '.join(cause.kinds)}):")
        for part in cause.parts:
            click.echo(f"  {part}")


def _find(store: Store, table: FigureTable, name: str) -> RunFigures:
    """Find a run by its record; one whose record was collected, by its name or the start of it."""
    from edgesmith.errors import UserError
    from edgesmith_flows.tags import any_run

    try:
        return table.run(any_run(store, name).name)
    except UserError:
        found = [run for run in table.names() if run.startswith(name)]
        if len(found) != 1:
            raise
        return table.run(found[0])


def lines(verdicts: list[Verdict]) -> list[str]:
    """Return verdicts as aligned lines: the figure, before, after, what it means."""
    cells = [[one.what, one.before, "->", one.after, _WORDS[one.outcome], one.detail] for one in verdicts]
    widths = [max((len(row[i]) for row in cells), default=0) for i in range(6)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def document(before: str, after: str, verdicts: list[Verdict], brought: list[Cause]) -> dict[str, Any]:
    """Return the comparison as JSON."""
    from dataclasses import asdict

    return {
        "before": before,
        "after": after,
        "figures": [asdict(one) for one in verdicts],
        "causes": [{"node": one.node, "kinds": list(one.kinds), "parts": list(one.parts)} for one in brought],
    }
