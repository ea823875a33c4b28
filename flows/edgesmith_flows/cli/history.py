"""`edgesmith history`: a figure over time."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edgesmith_flows.cli.options import store_option

if TYPE_CHECKING:
    from edgesmith_flows.figures.metric import Value
    from edgesmith_flows.figures.table import Point

_BARS = "▁▂▃▄▅▆▇█"


@click.command("history", short_help="Show a figure over time.")
@click.argument("metric", required=False)
@click.option("--pipeline", help="Only runs of this pipeline.")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="The newest N runs.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document instead.")
@store_option
def command(metric: str | None, pipeline: str | None, last: int, as_json: bool, store: str | None) -> None:
    """Show METRIC, written as gates do (bench.top1["tflite-int8"]), over the store's runs; without one, list all."""
    from edgesmith_flows.figures.metric import find_metric
    from edgesmith_flows.figures.table import FigureTable
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    with FigureTable(Store.open(load_settings(store).store)) as table:
        table.check_pipeline(pipeline)
        known = table.metrics(pipeline)
        if metric is None:
            names = [str(one) for one in known]
            for line in [json.dumps(names, indent=1)] if as_json else names:
                click.echo(line)
            return
        found = find_metric(metric, known)
        points = table.points(found, pipeline)[-last:]
    if as_json:
        rows = [{"run": p.run, "pipeline": p.pipeline, "begun": p.begun, "value": p.value} for p in points]
        click.echo(json.dumps({"metric": str(found), "points": rows}, indent=1))
        return
    line = sparkline([point.value for point in points]) if _draws(sys.stdout.encoding) else ""
    click.echo(f"{found}  {line}".rstrip())
    for row in table_of(points):
        click.echo(row)


def table_of(points: Sequence[Point]) -> list[str]:
    """Return one aligned line a run: when, the value, its change from the one before, the run."""
    cells = []
    for before, point in zip([None, *points], points, strict=False):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(point.begun))
        cells.append([when, shown(point.value), changed(before.value if before else None, point.value), point.run])
    widths = [max((len(row[i]) for row in cells), default=0) for i in range(4)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def shown(value: Value | None) -> str:
    """Write a figure for people: whole numbers with separators, others with six digits."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def changed(before: Value | None, after: Value | None) -> str:
    """Write the change from one value to the next; nothing where there is none."""
    if before is None or before == after:
        return ""
    if isinstance(before, float) and isinstance(after, float):
        return f"{100 * (after - before) / abs(before):+.1f} %" if before else f"{after - before:+g}"
    return "changed"


def sparkline(values: Sequence[Value | None]) -> str:
    """Draw numbers as a line of bars, lowest to highest; what is no number is a gap."""
    numbers = [value for value in values if isinstance(value, float) and math.isfinite(value)]
    if len(numbers) < 2:
        return ""
    low, high = min(numbers), max(numbers)
    span = (high - low) or 1.0
    return "".join(
        _BARS[round((value - low) / span * (len(_BARS) - 1))] if isinstance(value, float) else " " for value in values
    )


def _draws(encoding: str | None) -> bool:
    try:
        _BARS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
