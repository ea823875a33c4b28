"""A cold run of nine empty nodes, Prefect's server up, against `dvc repro` and what Prefect itself costs."""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engine.bench import Bench
from benchmarks.engine.peers import dvc, prefect_cache
from benchmarks.engine.peers.peer import Peer, PeerMissing
from benchmarks.engine.pipelines import NINE, write_nine
from benchmarks.engine.server import prefect_server
from benchmarks.engine.table import Row, relative
from benchmarks.engine.timing import Sample, Series, interleave

_SESSION, _FLOW = "edgesmith_flows.session", "edgesmith_flows.prefect_flow"
_OURS = (
    ("interpreter, imports", "spawned", "planning"),
    ("checks, keys, plan", "planning", "planned"),
    ("import of the executor", "planned", f"{_FLOW} begun"),
    ("import of Prefect", f"{_FLOW} begun", f"{_FLOW} imported"),
    ("flow start", f"{_FLOW} imported", "body"),
    ("nodes, worker start included", "body", "nodes"),
    ("tables, flow end", "nodes", "flow"),
    ("run record, drain", "flow", "drained"),
    ("interpreter exit", "drained", "ended"),
)
_THEIRS = (
    ("interpreter, import of Prefect", "spawned", "prefect imported"),
    ("flow start", "prefect imported", "body"),
    ("nodes", "body", "nodes"),
    ("flow end", "nodes", "flow"),
    ("drain, interpreter exit", "flow", "ended"),
)
Marks = Mapping[str, float]


def measure(bench: Bench) -> Iterator[Row]:
    """Yield the rows of the cold run, then what it and Prefect's own share consist of."""
    what = "cold run, 9 empty nodes, server up"
    folder = bench.folder / "cold"
    file = write_nine(folder / "edgesmith")
    ours: list[Marks] = []
    theirs: list[Marks] = []
    try:
        with prefect_server(bench) as url:
            env = {"PREFECT_API_URL": url}
            empty = folder / "prefect"
            prefect_cache.EMPTY.project(empty, NINE, bench.env)
            runs: dict[str, Callable[[], Sample]] = {
                "edgesmith": _edgesmith(bench, file, env),
                "dvc": _fresh(dvc.PEER, bench, folder / "dvc"),
                "prefect": lambda: _prefect(bench, empty, env, theirs),
                "itemised": lambda: _itemised(bench, file, env, ours),
            }
            found = interleave(runs, bench.rounds)
    except PeerMissing as error:
        yield Row(what, "-", "dvc repro + Prefect's own", str(error))
        return
    yield _against_sum(what, found)
    for name, peer in (("dvc repro, cold", "dvc"), ("prefect, 9 empty tasks", "prefect")):
        yield relative(what, found["edgesmith"], name, found[peer])
    yield from _items("edgesmith", _OURS, ours[1:])
    yield from _items("Prefect's own", _THEIRS, theirs[1:])


def _against_sum(what: str, found: Mapping[str, Series]) -> Row:
    pairs = zip(found["dvc"].samples, found["prefect"].samples, strict=True)
    both = Series([Sample(a.wall + b.wall, a.cpu + b.cpu) for a, b in pairs])
    return relative(what, found["edgesmith"], "dvc repro + Prefect's own", both, 1.0)


def _edgesmith(bench: Bench, file: Path, env: Mapping[str, str]) -> Callable[[], Sample]:
    """Return a run into a store of its own each time."""
    stores = (str(file.parent / f"store-{number}") for number in itertools.count())
    proof = "9 nodes (9 done)"
    return lambda: bench.edgesmith(
        "run", str(file), "--store", next(stores), folder=file.parent, env=env, proof=proof
    ).run()


def _fresh(peer: Peer, bench: Bench, folder: Path) -> Callable[[], Sample]:
    """Return a run in a fresh copy of a peer's project each time."""
    peer.project(folder / "fresh", NINE, bench.env)
    places = (folder / str(number) for number in itertools.count())

    def run() -> Sample:
        place = Path(shutil.copytree(folder / "fresh", next(places)))
        return peer.command(place, bench.env, cached=False).run()

    return run


def _itemised(bench: Bench, file: Path, env: Mapping[str, str], marks: list[Marks]) -> Sample:
    store = file.parent / f"probed-{len(marks)}"
    spawned = time.monotonic()
    sample, told = bench.probe("cold", "run", file, "--store", store, folder=file.parent, env=env)
    marks.append({**told, "spawned": spawned, "ended": spawned + sample.wall})
    return sample


def _prefect(bench: Bench, folder: Path, env: Mapping[str, str], marks: list[Marks]) -> Sample:
    spawned = time.monotonic()
    sample = prefect_cache.EMPTY.command(folder, {**bench.env, **env}, cached=False).run()
    told: Any = json.loads((folder / "marks.json").read_text(encoding="utf-8"))
    marks.append({**told, "spawned": spawned, "ended": spawned + sample.wall})
    return sample


def _items(whose: str, parts: tuple[tuple[str, str, str], ...], marks: list[Marks]) -> Iterator[Row]:
    for name, begun, ended in parts:
        taken = [one[ended] - one[begun] for one in marks]
        yield Row(f"... {whose}: {name}", f"{min(taken):.2f} / {median(taken):.2f} s")
