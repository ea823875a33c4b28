"""Make empty nodes through `Executor.make` with a warm worker, and time each: RESULT PIPELINE STORE.

Also times what no engine that keeps its promises can do without: to write a small file so that it is on disk.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgesmith_flows.execute import Executor
from edgesmith_flows.outcome import NodeResult
from edgesmith_flows.session import open_session, plan_session
from edgesmith_flows.settings import Settings
from edgesmith_flows.worker.client import WorkerPool


class Silent:
    """A listener that shows nothing."""

    def started(self, node: str) -> None:
        """See `Listener`."""

    def progressed(self, node: str, done: float, total: float, figures: Mapping[str, Any]) -> None:
        """See `Listener`."""

    def logged(self, node: str, level: str, text: str) -> None:
        """See `Listener`."""

    def ended(self, result: NodeResult) -> None:
        """See `Listener`."""


def measure(pipeline: str, store: Path) -> dict[str, Any]:
    """Return seconds by node for all nodes but the one that starts the worker, and what the disk takes."""
    session = open_session(pipeline, Settings(store))
    waits: list[float] = []
    fsync = os.fsync

    def timed(descriptor: int) -> None:
        begun = time.perf_counter()
        fsync(descriptor)
        waits.append(time.perf_counter() - begun)

    with session.store.lease():
        plan, forced = plan_session(session)
        pool = WorkerPool(session.store.root / "logs")
        executor = Executor(
            plan, session.store, session.registry, session.identities, pool, Silent(), force=forced
        )  # fmt: skip
        first, *others = plan.steps
        begun = time.perf_counter()
        executor.make(first)
        started = time.perf_counter() - begun
        os.fsync = timed  # type: ignore[assignment]
        seconds = []
        cpu = time.process_time()
        for name in others:
            begun = time.perf_counter()
            executor.make(name)
            seconds.append(time.perf_counter() - begun)
        cpu = time.process_time() - cpu
        os.fsync = fsync
        pool.stop()
    return {
        "first": started,
        "nodes": seconds,
        "cpu": cpu / len(seconds),
        "fsyncs": len(waits) / len(seconds),
        "fsync": sum(waits) / len(seconds),
    }


def main() -> None:
    """Measure."""
    result, pipeline, store = sys.argv[1:]
    Path(result).write_text(json.dumps(measure(pipeline, Path(store))), encoding="utf-8")


if __name__ == "__main__":
    main()
