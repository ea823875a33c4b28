"""Overhead a node: empty stages in a warm worker, alone and through the whole Prefect flow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from benchmarks.engine.bench import Bench
from benchmarks.engine.peers import prefect_cache
from benchmarks.engine.peers.peer import PeerMissing
from benchmarks.engine.pipelines import write_wide
from benchmarks.engine.server import prefect_server
from benchmarks.engine.table import Row
from benchmarks.engine.timing import CommandFailed, note

_GOAL_MS = 30.0
_NODES = 60
_FIRST = 10


def measure(bench: Bench) -> Iterator[Row]:
    """Yield the rows of overhead."""
    yield from _executor(bench)
    yield from _flow(bench)


def _executor(bench: Bench) -> Iterator[Row]:
    """Time `Executor.make`: key, lock, job to the worker and back, publish, record."""
    told: list[dict[str, Any]] = []
    for number in range(bench.rounds):
        folder = bench.folder / f"executor-{number}"
        file = write_wide(folder, _NODES)
        told.append(bench.probe("executor", file, folder / ".edgesmith", folder=folder)[1])
        note(f"  executor: round {number + 1} of {bench.rounds}")
    middles = [1000 * median(one["nodes"]) for one in told]
    best = min(range(len(told)), key=middles.__getitem__)
    text = f"{middles[best]:.1f} / {median(middles):.1f} ms"
    yield Row("a node, warm worker", text, goal=f"<= {_GOAL_MS:.0f} ms", met=middles[best] <= _GOAL_MS)
    one = told[best]
    yield Row("... of which fsync", f"{1000 * one['fsync']:.1f} ms in {one['fsyncs']:.0f} calls")
    yield Row("... of which CPU, without the worker's", f"{1000 * one['cpu']:.1f} ms")
    firsts = [one["first"] for one in told]
    yield Row("... the first node, which starts the worker", f"{min(firsts):.2f} / {median(firsts):.2f} s")


def _flow(bench: Bench) -> Iterator[Row]:
    """Compare the pace of a flow, once it is running, with that of Prefect's own empty tasks."""
    what = "a node, whole Prefect flow, server up"
    ours: list[float] = []
    theirs: list[float] = []
    try:
        with prefect_server(bench) as url:
            env = {"PREFECT_API_URL": url}
            file = write_wide(bench.folder / "flow", _NODES)
            empty = bench.folder / "flow-prefect"
            prefect_cache.EMPTY.project(empty, _graph(), bench.env)
            command = prefect_cache.EMPTY.command(empty, {**bench.env, **env}, cached=False)
            for number in range(bench.rounds):
                store = file.parent / f"store-{number}"
                ours.append(_pace(bench.probe("cold", "run", file, "--store", store, folder=file.parent, env=env)[1]))
                command.run()
                theirs.append(_pace(json.loads((empty / "marks.json").read_text(encoding="utf-8"))))
                note(f"  flow: round {number + 1} of {bench.rounds}")
    except PeerMissing as error:
        yield Row(what, "-", prefect_cache.EMPTY.name, str(error))
        return
    mine, its = (f"{min(one):.1f} / {median(one):.1f} ms" for one in (ours, theirs))
    yield Row(what, mine, prefect_cache.EMPTY.name, its, min(ours) / min(theirs))


def _pace(marks: Mapping[str, Any]) -> float:
    """Return milliseconds a node, leaving out the first ones, which start the worker and open connections."""
    ends = sorted(marks["ends"])
    if len(ends) != _NODES:
        raise CommandFailed(f"{len(ends)} nodes ended, expected {_NODES}")
    return float(1000 * (ends[-1] - ends[_FIRST - 1]) / (_NODES - _FIRST))


def _graph() -> dict[str, tuple[str, ...]]:
    """Return the graph of `write_wide`."""
    first = [f"first{number}" for number in range(_NODES // 2)]
    return dict[str, tuple[str, ...]].fromkeys(first, ()) | {f"second{name}": (name,) for name in first}
