"""Prefect alone: its own task cache, and the fixed cost of a flow of empty tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.engine.peers.peer import Graph, Peer

_FLOW = '''"""A flow of {count} tasks: cached ones with `cache` as the argument, else plain ones."""

import json
import sys
import time

marks = {{"interpreter": time.monotonic(), "ends": []}}
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import INPUTS, NO_CACHE, TASK_SOURCE
from prefect.task_runners import ThreadPoolTaskRunner

marks["prefect imported"] = time.monotonic()
CACHED = sys.argv[1:] == ["cache"]
GRAPH = {graph}


@task(cache_policy=INPUTS + TASK_SOURCE if CACHED else NO_CACHE, persist_result=CACHED)
def step(name, needs):
    Path(name + ".txt").write_text(name + "\\n")
    marks["ends"].append(time.monotonic())
    return name


@flow(task_runner=ThreadPoolTaskRunner(max_workers=8))
def graph():
    marks["body"] = time.monotonic()
    futures = {{}}
    for name, needs in GRAPH:
        futures[name] = step.submit(name, [futures[need] for need in needs])
    states = [future.wait() or future.state for future in futures.values()]
    marks["nodes"] = time.monotonic()
    print(sum(state.name == "Cached" for state in states), "cached")


graph()
marks["flow"] = time.monotonic()
Path("marks.json").write_text(json.dumps(marks))
'''


def write(folder: Path, graph: Graph) -> None:
    """Write flow.py."""
    (folder / "flow.py").write_text(_FLOW.format(count=len(graph), graph=list(graph.items())), encoding="utf-8")


_HOME = {"PREFECT_LOCAL_STORAGE_PATH": "{project}/results"}

CACHE = Peer(
    name="prefect cache, server up",
    # The versions of edgesmith's own environment, so that the difference is not Prefect's.
    requirements=("prefect==3.8.8", "fastapi==0.150.0", "sqlalchemy[asyncio]==2.0.57"),
    write=write,
    argv=("python", "flow.py", "cache"),
    proof="9 cached",
    env=_HOME,
)
ALONE = replace(
    CACHE,
    name="prefect cache, no server",
    env={
        **_HOME,
        "PREFECT_HOME": "{project}/home",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        # On a busy machine its server needs more than the 20 seconds that Prefect grants it.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    },
)
EMPTY = replace(CACHE, name="prefect, empty tasks", argv=("python", "flow.py"), proof="")
