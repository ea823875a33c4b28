"""Re-run of the nine-node pipeline where nothing is to be done, against every peer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from benchmarks.engine.bench import Bench
from benchmarks.engine.peers import dvc, kedro, prefect_cache, redun, snakemake
from benchmarks.engine.peers.peer import Peer, PeerMissing
from benchmarks.engine.pipelines import NINE, write_nine
from benchmarks.engine.server import prefect_server
from benchmarks.engine.table import Row, absolute, relative
from benchmarks.engine.timing import CommandFailed, Sample, interleave, note

_GOAL = 0.25
_PEERS = (dvc.PEER, kedro.PEER, snakemake.PEER, redun.PEER, prefect_cache.CACHE, prefect_cache.ALONE)
_GOALS = {dvc.PEER.name: 1 / 3}


def measure(bench: Bench) -> Iterator[Row]:
    """Yield the rows of the cached re-run."""
    folder = bench.folder / "rerun"
    file = write_nine(folder / "edgesmith")
    with ExitStack() as stack:
        missing: dict[str, str] = {}
        url = ""
        try:
            url = stack.enter_context(prefect_server(bench))
        except PeerMissing as error:
            missing[prefect_cache.CACHE.name] = str(error)
        env = {"PREFECT_API_URL": url} if url else {}
        bench.edgesmith("run", str(file), folder=file.parent, env=env).run()
        again = bench.edgesmith("run", str(file), folder=file.parent, proof="9 nodes (9 cached)")
        runs: dict[str, Callable[[], Sample]] = {"edgesmith": again.run}
        for peer in _PEERS:
            if peer.name in missing:
                continue
            try:
                runs[peer.name] = _prepared(peer, bench, env if peer is prefect_cache.CACHE else {})
            except PeerMissing as error:
                missing[peer.name] = str(error)
            except CommandFailed as error:
                note(f"  {peer.name}: {error}")
                missing[peer.name] = "failed, see above the table"
        found = interleave(runs, bench.rounds, warm=False)
    what = "re-run, 9 nodes cached"
    yield absolute(what, found["edgesmith"], _GOAL)
    for peer in _PEERS:
        theirs = found.get(peer.name) or missing[peer.name]
        yield relative(what, found["edgesmith"], peer.name, theirs, _GOALS.get(peer.name, 1.0))


def _prepared(peer: Peer, bench: Bench, env: dict[str, str]) -> Callable[[], Sample]:
    """Make a peer's project, run it once so that all is cached, and see that a second run finds it so."""
    note(f"  preparing {peer.name}")
    place = bench.folder / "rerun" / peer.name.replace(" ", "-")
    peer.project(place, NINE, {**bench.env, **env})
    peer.command(place, {**bench.env, **env}, cached=False).run()
    again = peer.command(place, {**bench.env, **env}, cached=True)
    again.run()
    return again.run
