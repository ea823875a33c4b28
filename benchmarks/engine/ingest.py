"""Ingest of a 1 GiB artifact against `cp` and against SHA-256 alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.engine.bench import Bench
from benchmarks.engine.table import Row
from benchmarks.engine.timing import Command, note

_BLOCK = 1 << 20
_BLOCKS = 1 << 10
_SPEED, _GROWTH_MIB = 0.7, 64.0


def measure(bench: Bench) -> Iterator[Row]:
    """Yield the rows of ingest.

    A stage has written its file before it is published, so the file is on disk when the clock starts. The second line
    publishes a file that is still to be written to disk, against `cp` and a wait for the disk.
    """
    folder = bench.folder / "ingest"
    folder.mkdir()
    source = folder / "source.bin"
    _write(source)
    figures: dict[str, list[float]] = {name: [] for name in ("cp", "synced cp", "hash", "publish", "dirty", "grown")}
    for number in range(bench.rounds):
        copied, synced = _copy(bench, source)
        figures["cp"].append(copied)
        figures["synced cp"].append(copied + synced)
        figures["hash"].append(bench.probe("ingest", "hash", _target(source), folder=folder)[1]["seconds"])
        _publish(bench, source, figures, "publish")
        figures["cp"].append(_copy(bench, source, wait=False)[0])
        _publish(bench, source, figures, "dirty")
        note(f"  round {number + 1} of {bench.rounds}")
    source.unlink()
    yield _row("ingest of 1 GiB", figures, "publish", ("cp", "hash"), 1 / _SPEED)
    yield _row("ingest of 1 GiB not yet on disk", figures, "dirty", ("synced cp", "hash"))
    grown = max(figures["grown"])
    met = grown < _GROWTH_MIB
    yield Row("memory growth at ingest of 1 GiB", f"{grown:.0f} MiB", goal=f"< {_GROWTH_MIB:.0f} MiB", met=met)


def _write(file: Path) -> None:
    """Write random bytes, no two blocks the same."""
    block = os.urandom(_BLOCK)
    with file.open("wb") as stream:
        for index in range(_BLOCKS):
            stream.write(block[index:] + block[:index])
        stream.flush()
        os.fsync(stream.fileno())


def _target(source: Path) -> Path:
    return source.with_name("target.bin")


def _copy(bench: Bench, source: Path, *, wait: bool = True) -> tuple[float, float]:
    """Copy the source; return the seconds of `cp`, and of the wait until the copy is on disk."""
    argv = ("cp", "--reflink=never", str(source), str(_target(source)))
    copied = Command(argv, source.parent, bench.env).run().wall
    return copied, Command(("sync", str(_target(source))), source.parent, bench.env).run().wall if wait else 0.0


def _publish(bench: Bench, source: Path, figures: dict[str, list[float]], name: str) -> None:
    store = source.with_name("store")
    _, told = bench.probe("ingest", "publish", _target(source), store, folder=source.parent)
    shutil.rmtree(store)
    figures[name].append(told["seconds"])
    figures["grown"].append(told["grown"])


def _row(
    what: str, figures: dict[str, list[float]], ours: str, theirs: tuple[str, ...], most: float | None = None
) -> Row:
    """Compare with the slower peer; `most` is the goal for the ratio of times."""
    slower = max(theirs, key=lambda name: min(figures[name]))
    ratio = min(figures[ours]) / min(figures[slower])
    told = ", ".join(f"{name} {_text(figures[name])}" for name in theirs)
    goal = "-" if most is None else f"<= {most:.2f}"
    met = None if most is None else ratio <= most
    return Row(what, _text(figures[ours]), f"the slower: {slower}", told, ratio, None, goal, met)


def _text(figures: list[float]) -> str:
    return f"{min(figures):.2f} / {median(figures):.2f} s"
