"""`edgesmith diff`: where two models of one ancestor part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from edgesmith_flows.cli.options import store_option

if TYPE_CHECKING:
    from edgesmith_flows.diff import Diff, Layer, Row

_LONGEST = 44


@click.command("diff", short_help="Show layer by layer where two models part.")
@click.argument("a")
@click.argument("b")
@click.option("--pipeline", help="A and B may then be nodes of its newest run.")
@click.option("--bar", type=float, default=30.0, show_default=True, help="SQNR in dB that a layer should have.")
@click.option("--images", type=click.IntRange(min=1), help="Compare on the first N golden images [default: all].")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads of each runtime.")
@click.option("--all", "everything", is_flag=True, help="Show the layers without a partner, too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document instead.")
@store_option
def command(
    a: str,
    b: str,
    pipeline: str | None,
    bar: float,
    images: int | None,
    threads: int,
    everything: bool,
    as_json: bool,
    store: str | None,
) -> None:
    """Run the models A and B, which come from one ancestor, on its golden images, and hold B's layers against A's.

    A and B are digests (or starts of them), PIPELINE:NODE or PIPELINE:NODE.PORT of a pipeline's newest run, or folders
    of artifacts, as ./FOLDER. Layers are matched by what they give, so the two may be of any two formats.
    """
    from pathlib import Path

    from edgesmith_flows.diff import compare
    from edgesmith_flows.named_model import find_model, pipeline_of, plugins_of, told
    from edgesmith_flows.registry import load_registry
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    settings = load_settings(store)
    named = filter(None, (pipeline, pipeline_of(a), pipeline_of(b)))
    registry = load_registry(dict.fromkeys([*settings.plugins, *plugins_of(named)]), Path.cwd())
    opened = Store.open(settings.store)
    models = [find_model(text, opened, registry, pipeline) for text in (a, b)]
    found = compare(
        models[0], models[1], registry, images=images, threads=threads, log=lambda text: click.echo(text, err=True)
    )
    if as_json:
        click.echo(json.dumps(document(found, bar, (a, b), (told(models[0]), told(models[1]))), indent=1))
        return
    click.echo(f"A is {told(models[0])}\nB is {told(models[1])}")
    for line in report(found, bar, (a, b), everything):
        click.echo(line)


def document(found: Diff, bar: float, names: tuple[str, str], meant: tuple[str, str]) -> dict[str, Any]:
    """Return the comparison as JSON; layers without a partner have null for it.

    Args:
        names: of A and B, as they were given.
        meant: which artifacts they are.
    """
    place, most = found.parts_at(bar), found.steepest(bar)
    return {
        "a": {"model": names[0], "is": meant[0], "runtime": found.runtimes[0], "layers": found.counts()[0]},
        "b": {"model": names[1], "is": meant[1], "runtime": found.runtimes[1], "layers": found.counts()[1]},
        "images": found.images,
        "bar_db": bar,
        "matched": len(found.matched),
        "same_source": found.same_source,
        "layers": [_entry(row) for row in found.rows],
        "parts_at": None if place is None else _entry(found.matched[place]),
        "loses_most_at": None if most is None else _entry(found.matched[most]),
        "output": {"sqnr_db": found.sqnr_db, "agreement": found.agreement},
    }


def report(found: Diff, bar: float, names: tuple[str, str], everything: bool) -> list[str]:
    """Return the comparison as lines: a table, and in words where the models part."""
    first = found.parts_at(bar)
    parted = None if first is None else found.matched[first]
    rows = found.rows if everything else found.matched
    body = [_cells(row, "<" if row is parted else "") for row in rows]
    a, b = found.counts()
    return [
        *_aligned([[f"A: {names[0]}", f"B: {names[1]}", "op", "shape", "SQNR dB", ""], *body]),
        f"{len(found.matched)} layers matched, of {a} in A ({found.runtimes[0]}) and {b} in B ({found.runtimes[1]}), "
        f"on {found.images} images",
        f"output: {found.sqnr_db:.1f} dB, agreement {found.agreement:.4f}",
        *_told(found, bar, first),
        *([] if found.same_source else ["note: their golden outputs are not the same: one was trained further"]),
    ]


def _told(found: Diff, bar: float, first: int | None) -> list[str]:
    """Say where the models part, and where most is lost."""
    if not found.matched:
        return ["no layer of A has a partner in B"]
    lines = [f"no layer is under {bar:g} dB" if first is None else f"parts at {_fall(found.matched, first)}"]
    steepest = found.steepest(bar)
    if steepest is not None and steepest != first:
        lines.append(f"loses most at {_fall(found.matched, steepest)}")
    return lines


def _fall(matched: Sequence[Row], place: int) -> str:
    row = matched[place]
    assert row.a is not None and row.b is not None
    before = f"{matched[place - 1].sqnr_db:.1f} -> " if place else ""
    return f"{row.a.name} | {row.b.name} (op {_ops(row)}): {before}{row.sqnr_db:.1f} dB"


def _cells(row: Row, mark: str) -> list[str]:
    layer = row.a or row.b
    assert layer is not None
    value = "-" if row.sqnr_db is None else f"{row.sqnr_db:.1f}"
    return [_short(row.a), _short(row.b), _ops(row), "x".join(map(str, layer.shape)), value, mark]


def _ops(row: Row) -> str:
    """Both operations, or one name where they are called the same."""
    from edgesmith_flows.layer_ops import family

    ops = [layer.op for layer in (row.a, row.b) if layer is not None]
    families = {family(op) for op in ops}
    return families.pop() if len(ops) == 2 and len(families) == 1 else " | ".join(ops)


def _short(layer: Layer | None) -> str:
    name = layer.name if layer else "-"
    return name if len(name) <= _LONGEST else f"..{name[2 - _LONGEST :]}"


def _aligned(lines: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _entry(row: Row) -> dict[str, Any]:
    sides = {
        key: layer and {"name": layer.name, "op": layer.op, "shape": list(layer.shape)}
        for key, layer in (("a", row.a), ("b", row.b))
    }
    return {**sides, "sqnr_db": row.sqnr_db}
