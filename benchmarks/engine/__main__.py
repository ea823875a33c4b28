"""`python -m benchmarks.engine`: run all measures, print one table."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping

import click

from benchmarks.engine import cold, ingest, overhead, planning, rerun, startup
from benchmarks.engine.bench import Bench, open_bench
from benchmarks.engine.table import Row, render
from benchmarks.engine.timing import CommandFailed, note

MEASURES: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    "startup": startup.measure,
    "rerun": rerun.measure,
    "planning": planning.measure,
    "overhead": overhead.measure,
    "ingest": ingest.measure,
    "cold": cold.measure,
}


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(MEASURES)), help="Take these measures and no others.")
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1), help="How often each contender runs.")
def main(only: tuple[str, ...], rounds: int) -> None:
    """Measure the engine against its peers, in turns, and print one table."""
    before, cores = os.getloadavg(), os.cpu_count() or 1
    rows: list[Row] = []
    broken: list[str] = []
    with open_bench(rounds) as bench:
        for name in only or MEASURES:
            note(f"{name}:")
            try:
                rows.extend(list(MEASURES[name](bench)))
            except CommandFailed as error:
                # The others are still worth their time; what it took so far is not told, as it may mean nothing.
                note(f"{name}: {error}")
                broken.append(name)
    after = os.getloadavg()
    click.echo(render(rows))
    click.echo(
        f"\nWall time: least / median of {rounds} rounds or more, in turns; then the least CPU time. Ratios are of the "
        f"least.\n{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}; load "
        f"average {before[0]:.1f} before, {after[0]:.1f} after."
    )
    if before[0] > cores / 4:
        click.echo(
            f"The machine was busy before it began ({before[0]:.1f} processes on {cores} cores): absolute figures are "
            "too high, ratios within the run still tell."
        )
    if broken:
        raise click.ClickException(f"could not be measured: {', '.join(broken)}; why stands above")


if __name__ == "__main__":
    main()
