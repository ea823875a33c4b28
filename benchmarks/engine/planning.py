"""Plans of a large matrix, all cached: how long, and whether twice the nodes take twice the time."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.engine.bench import Bench
from benchmarks.engine.pipelines import write_wide
from benchmarks.engine.table import Row, absolute, relative
from benchmarks.engine.timing import CommandFailed, interleave, note

_GOALS = {1000: 1.0, 5000: 5.5}


def measure(bench: Bench) -> Iterator[Row]:
    """Yield the rows of planning."""
    runs = {}
    for nodes in _GOALS:
        note(f"  recording {nodes:,} nodes")
        folder = bench.folder / f"wide-{nodes}"
        file = write_wide(folder, nodes)
        _, filled = bench.probe("fill", file, folder / ".edgesmith", folder=folder)
        if filled["nodes"] != nodes:
            raise CommandFailed(f"{filled['nodes']} nodes in the store, expected {nodes}")
        last = f"second@{nodes // 2 - 1}: cached"
        runs[_plan(nodes)] = bench.edgesmith("run", str(file), "--dry-run", folder=folder, proof=last).run
        runs[f"run, {nodes:,} nodes cached"] = bench.edgesmith(
            "run", str(file), folder=folder, proof=f"{nodes} nodes ({nodes} cached)"
        ).run
    found = interleave(runs, bench.rounds)
    goals = {_plan(nodes): goal for nodes, goal in _GOALS.items()}
    for name, series in found.items():
        yield absolute(name, series, goals.get(name))
    small, large = (found[_plan(nodes)] for nodes in (1000, 5000))
    yield relative("plan, 5,000 nodes cached", large, "plan, 1,000 nodes cached", small, 5.5)


def _plan(nodes: int) -> str:
    return f"plan, {nodes:,} nodes cached"
