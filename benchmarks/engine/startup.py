"""Start-up: `edgesmith --help` and `edgesmith list` against `dvc --help`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.engine.bench import Bench
from benchmarks.engine.peers import dvc
from benchmarks.engine.peers.peer import PeerMissing
from benchmarks.engine.table import Row, absolute, relative
from benchmarks.engine.timing import Command, Sample, interleave

_GOAL = 0.15


def measure(bench: Bench) -> Iterator[Row]:
    """Yield the rows of start-up."""
    folder = bench.folder / "startup"
    folder.mkdir()
    commands = ("--help", "list")
    runs: dict[str, Callable[[], Sample]] = {name: bench.edgesmith(name, folder=folder).run for name in commands}
    theirs = ""
    try:
        script = str(dvc.PEER.environment() / "dvc")
        runs["dvc"] = Command((script, "--help"), folder, bench.env).run
    except PeerMissing as error:
        theirs = str(error)
    # These take a moment each: more rounds cost little and say more.
    found = interleave(runs, max(bench.rounds, 15))
    for name in commands:
        yield absolute(f"edgesmith {name}", found[name], _GOAL)
        yield relative(f"edgesmith {name}", found[name], "dvc --help", found.get("dvc", theirs), 1.0)
