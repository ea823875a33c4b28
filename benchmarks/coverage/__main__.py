"""`python -m benchmarks.coverage`: try families of networks, print one table."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.coverage.cells import Cell, read
from benchmarks.coverage.families import FAMILIES
from benchmarks.coverage.project import FORMATS, PRECISIONS
from benchmarks.coverage.table import render
from benchmarks.coverage.trial import try_family
from edgesmith_flows.console import PlainView


@click.command()
@click.option(
    "--family", "chosen", multiple=True, type=click.Choice([one.name for one in FAMILIES]), help="Only these families."
)
@click.option("--format", "formats", multiple=True, type=click.Choice(FORMATS), help="Only these formats.")
@click.option("--precision", "precisions", multiple=True, type=click.Choice(PRECISIONS), help="Only these precisions.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the cells here as well.")
@click.option(
    "--merge",
    "merged",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Try nothing: print the table of the cells in these files, of --json.",
)
@click.option("--store", type=click.Path(path_type=Path), help="Keep files here, so that a second call goes on.")
def main(
    chosen: tuple[str, ...],
    formats: tuple[str, ...],
    precisions: tuple[str, ...],
    file: Path | None,
    merged: tuple[Path, ...],
    store: Path | None,
) -> None:
    """Convert one small network of each family to each format, at each precision; print how well that went."""
    cells = read(merged)
    families = [one for one in FAMILIES if not merged and (not chosen or one.name in chosen)]
    with tempfile.TemporaryDirectory(prefix="edgesmith-coverage-") as folder:
        for family in families:
            click.echo(f"{family.name}: {family.model} at {family.size}", err=True)
            kept = (store or Path(folder, "store")).absolute()
            place, view = Path(folder, family.name), PlainView(sys.stderr)
            cells += try_family(family, formats or FORMATS, precisions or PRECISIONS, place, kept, view)
            if file is not None:  # after each family: the whole takes hours
                _write(file, cells)
    cells.sort(key=_place)
    if file is not None:
        _write(file, cells)
    click.echo(render(cells))
    for state in ("ok", "failed", "skipped"):
        click.echo(f"{sum(cell.state == state for cell in cells)} {state}", err=True)


def _write(file: Path, cells: list[Cell]) -> None:
    file.write_text(json.dumps([cell.document() for cell in cells], indent=1) + "\n", encoding="utf-8")


def _place(cell: Cell) -> tuple[int, int, int]:
    names = [one.name for one in FAMILIES]
    return FORMATS.index(cell.format), names.index(cell.family), PRECISIONS.index(cell.precision)


if __name__ == "__main__":
    main()
