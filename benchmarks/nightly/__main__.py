"""`python -m benchmarks.nightly`: null nights and true regressions under load; one table."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import click

from benchmarks.nightly.counts import instructions
from benchmarks.nightly.heavier import heavier, rows_of
from benchmarks.nightly.load import loaded
from benchmarks.nightly.trials import nights
from edgesmith import OnnxModel
from edgesmith.estimates import centre
from edgesmith_flows.nightly.latency import LatencyRule
from edgesmith_flows.nightly.opening import opened_pair
from edgesmith_flows.nightly.paired import Pair, measure_pair
from edgesmith_flows.registry import load_registry
from edgesmith_flows.toolchains import Toolchains

KINDS = {"null": 0.0, "five": 0.05, "ten": 0.10}


@click.command()
@click.option("--model", required=True, type=click.Path(exists=True, path_type=Path), help="An ONNX artifact's files.")
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="Where results go; goes on from there.")
@click.option("--nights", "count", default=100, show_default=True, help="Null nights: the same model twice.")
@click.option("--tries", default=40, show_default=True, help="Nights with a model that has more work, 5 and 10 %.")
@click.option("--load", "busy", default=3, show_default=True, help="Processes of the load generator.")
@click.option("--count", "counted", is_flag=True, help="Only count the models' instructions, with Valgrind.")
@click.option("--only", multiple=True, type=click.Choice(list(KINDS)), help="These kinds of night and no others.")
def main(model: Path, folder: Path, count: int, tries: int, busy: int, counted: bool, only: tuple[str, ...]) -> None:
    """Count false alarms, and regressions that are found."""
    folder.mkdir(parents=True, exist_ok=True)
    base = OnnxModel(model.absolute())
    rule = LatencyRule()
    if counted:
        _count(base, folder, only or tuple(KINDS))
        return
    with loaded(busy):
        for kind in only or KINDS:
            other = _other(base, folder, KINDS[kind])
            rows = []
            for row in nights(
                folder / "nights.jsonl", kind, tries if KINDS[kind] else count, _pairs(base, other), rule
            ):
                rows.append(row)
                click.echo(_line(row), err=True)
            click.echo(_summary(kind, rows))


def _count(base: OnnxModel, folder: Path, kinds: tuple[str, ...]) -> None:
    """Print by how much the extra work raises the instructions of an inference."""
    before = instructions(base.file)
    if before is None:
        raise click.ClickException("Valgrind is not installed")
    click.echo(f"the model: {before / 1e6:.3f} million instructions an inference")
    for kind in kinds:
        after = instructions(_other(base, folder, KINDS[kind]).file)
        click.echo(f"{kind}: {100 * ((after or 0) / before - 1):+.2f} %")


def _pairs(base: OnnxModel, other: OnnxModel) -> Callable[[random.Random], Pair]:
    opened = opened_pair(base, other, load_registry([], Path.cwd()), Toolchains())
    return partial(measure_pair, opened)


def _other(base: OnnxModel, folder: Path, share: float) -> OnnxModel:
    """Return the model of a kind of night: its extra work is fitted once, by CPU time, and then stays."""
    if not share:
        return heavier_or_copy(base, folder / "null", 0)
    fitted = folder / f"rows-{round(100 * share)}"
    if not fitted.exists():
        rows = _fit(base, folder / "fit", share)
        fitted.write_text(f"{rows}\n", encoding="utf-8")
    return heavier_or_copy(base, folder / f"plus-{round(100 * share)}", int(fitted.read_text(encoding="utf-8")))


def heavier_or_copy(base: OnnxModel, folder: Path, rows: int) -> OnnxModel:
    """Return the model with work for so many rows, or as it is for none."""
    import shutil

    if rows:
        return heavier(base, folder, rows)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base.path, folder)
    return OnnxModel(folder)


def _fit(base: OnnxModel, folder: Path, share: float) -> int:
    """Return for how many rows the extra work takes `share` of the model's CPU time, from two measured sizes."""
    full = rows_of(base)
    costs = {}
    for rows in (max(1, full // 8), full):
        measure = _pairs(base, heavier(base, folder, rows))
        chance = random.Random(rows)
        costs[rows] = math.expm1(centre([pair.cpu for pair in (measure(chance) for _ in range(24)) if pair.cpu]))
        click.echo(f"fit: {rows} rows cost {100 * costs[rows]:+.2f} %", err=True)
    (few, low), (many, high) = sorted(costs.items())
    rows = round(few + (share - low) * (many - few) / (high - low))
    return max(1, min(full, rows))


def _line(row: Mapping[str, Any]) -> str:
    told = ", ".join(
        f"{test['outcome']} {100 * (test['ratio'] - 1):+.1f} % in {test['pairs']}" for test in row["tests"]
    )
    return f"{row['kind']} {row['night']}: {row['outcome']} ({told}; {row['seconds']:.0f} s, load {row['load']})"


def _summary(kind: str, rows: list[Mapping[str, Any]]) -> str:
    cpu = [pair["cpu"] for row in rows for pair in row["pairs"]]
    error = stdev(cpu) / math.sqrt(len(cpu)) if len(cpu) > 1 else float("nan")
    outcomes = [row["outcome"] for row in rows]
    seconds, pairs = median(row["seconds"] for row in rows), median(len(row["pairs"]) for row in rows)
    parts = [
        f"{kind}: {len(rows)} nights, {outcomes.count('regressed')} alarms, {outcomes.count('fine')} fine",
        f"{outcomes.count('unsure')} unsure; memory alarms {sum(row['memory'] == 'regressed' for row in rows)}",
        f"true CPU time {100 * fmean(cpu):+.2f} % +- {100 * error:.2f}, of a pair {100 * stdev(cpu):.1f} %",
        f"{pairs:g} pairs and {seconds:.0f} s a night",
        f"load average {fmean(row['load'] for row in rows):.1f}",
    ]
    return ", ".join(parts)


if __name__ == "__main__":
    main()
