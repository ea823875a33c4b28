"""`python -m benchmarks.distillation`: a student alone, and with each way of listening to teachers; one table.

Half of the digits to train on, half to score on, 32 px. The teachers are trained once, the student once a seed and way;
the same seed means the same first weights and the same batches, so that differences are taken seed by seed.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from edgesmith.testing import Outcome, folder_digest, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.distill import Distill
from edgesmith_stages.teacher_logits import AskTeacher
from edgesmith_stages.train import Train

DATA = {"name": "digits", "val_fraction": 0.5}
ASKED = {"data": DATA, "device": "cpu", "threads": 1, "batch_size": 32, "channels_last": True}
TEACHERS = {"test_resnet": {"epochs": 8, "lr": 4e-3}, "test_byobnet": {"epochs": 6, "lr": 4e-3}}
WAYS: Mapping[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "labels alone (`alpha: 0`)": (("test_resnet",), {"alpha": 0.0}),
    "`loss: kd`": (("test_resnet",), {}),
    "`loss: dkd`": (("test_resnet",), {"loss": "dkd"}),
    "`loss: dkd, dkd_beta: 2`": (("test_resnet",), {"loss": "dkd", "dkd_beta": 2.0}),
    "labels and `hints: auto`": (("test_resnet",), {"alpha": 0.0, "hints": "auto"}),
    "`loss: kd`, `hints: auto`": (("test_resnet",), {"hints": "auto"}),
    "`loss: kd`, two teachers": (("test_resnet", "test_byobnet"), {}),
}


@click.command()
@click.option("--student", default="test_efficientnet", show_default=True)
@click.option("--epochs", default=4, show_default=True)
@click.option("--seeds", default=8, show_default=True)
@click.option("--timed", default=3, show_default=True, help="Seeds that `kd` is run with, without the cache, too.")
def main(student: str, epochs: int, seeds: int, timed: int) -> None:
    """Train, and print the table."""
    with tempfile.TemporaryDirectory(prefix="edgesmith-distillation-") as folder:
        bench = _Bench(Path(folder), student, epochs)
        for name, made in bench.teachers.items():
            click.echo(f"teacher {name}: top-1 {made.figures['top1']:.4f}")
        rows: dict[str, list[float]] = {way: [] for way in WAYS}
        for seed in range(seeds):
            for way in WAYS:
                rows[way].append(bench.top1(way, seed))
            click.echo(f"seed {seed}: " + " ".join(f"{values[-1]:.4f}" for values in rows.values()))
        click.echo(_table(rows))
        for seed in range(timed):
            click.echo(bench.timed(seed))


class _Bench:
    def __init__(self, folder: Path, student: str, epochs: int) -> None:
        self._folder, self._runs = folder, 0
        self._params = {**ASKED, "model": student, "epochs": epochs, "lr": 4e-3}
        self.teachers = {name: self._teacher(name, given) for name, given in TEACHERS.items()}
        self.cached = {
            name: run_stage(AskTeacher, self._next(), made.outputs, ASKED, datasets=[Digits]).outputs["logits"]
            for name, made in self.teachers.items()
        }

    def _next(self) -> Path:
        self._runs += 1
        return self._folder / str(self._runs)

    def _teacher(self, name: str, given: Mapping[str, Any]) -> Outcome:
        params = {**ASKED, **given, "model": name, "image_size": 32}
        return run_stage(Train, self._next(), params=params, datasets=[Digits])

    def _student(self, names: tuple[str, ...], live: bool, seed: int, params: Mapping[str, Any]) -> Outcome:
        teachers = [self.teachers[name].outputs["model"] if live else self.cached[name] for name in names]
        given = {**self._params, **params}
        return run_stage(Distill, self._next(), {"teacher": teachers}, given, seed=seed, datasets=[Digits])

    def top1(self, way: str, seed: int) -> float:
        names, params = WAYS[way]
        return float(self._student(names, "hints" in params, seed, params).figures["top1"])

    def timed(self, seed: int) -> str:
        """Run `kd` with the teacher and with its cached logits, and compare CPU seconds and bytes."""
        spent, made = {}, {}
        for live in (True, False):
            begun = time.process_time()
            outcome = self._student(("test_resnet",), live, seed, {})
            spent[live], made[live] = time.process_time() - begun, folder_digest(outcome.outputs["model"].path)
        same = "equal bytes" if made[True] == made[False] else "OTHER BYTES"
        return f"seed {seed}: {spent[True]:.1f} s CPU with the teacher, {spent[False]:.1f} s with its logits: {same}"


def _table(rows: Mapping[str, list[float]]) -> str:
    """Return mean, standard deviation and range of top-1, and the difference to the first row, seed by seed."""
    lines = ["| | top-1 | sd | least to most | difference | better in |", "| --- | --- | --- | --- | --- | --- |"]
    alone = next(iter(rows.values()))
    for way, values in rows.items():
        gains = [value - base for value, base in zip(values, alone, strict=True)]
        error = statistics.stdev(gains) / len(gains) ** 0.5
        difference = "" if values is alone else f"{statistics.mean(gains):+.4f} +- {error:.4f}"
        better = "" if values is alone else f"{sum(gain > 0 for gain in gains)} of {len(gains)}"
        cells = (f"{statistics.mean(values):.4f}", f"{statistics.stdev(values):.4f}")
        lines.append(
            f"| {way} | {' | '.join(cells)} | {min(values):.4f} to {max(values):.4f} | {difference} | {better} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
