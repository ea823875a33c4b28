"""Make nodes in processes that share nothing with the run but the remote store: Dask workers, on any machine.

What such a process is told is plain JSON: the pipeline's text, its params, and what the needed nodes gave. It has its
own local store, checks the pipeline with its own plugins, and computes keys with its own tools' versions.
"""

from __future__ import annotations

import atexit
import functools
import json
import logging
import os
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from edgesmith.errors import EdgesmithError
from edgesmith_flows.action import Action
from edgesmith_flows.execute import Executor
from edgesmith_flows.kept import Kept
from edgesmith_flows.outcome import NodeResult
from edgesmith_flows.plan import Plan, Step
from edgesmith_flows.quiet import QuietLock
from edgesmith_flows.session import Session, session_of
from edgesmith_flows.settings import STORE_VARIABLE
from edgesmith_flows.worker.client import WorkerPool
from edgesmith_flows.yaml_source import parse_yaml


def order_of(session: Session, forced: set[str], store: Path | None) -> str:
    """Return what other processes must know to make a session's nodes, in this run alone.

    A process may live for many runs of one text. Files and plugins change between them, so each run has a name.

    Args:
        store: the local store, where those processes are on this machine; None where they have stores of their own.
    """
    return json.dumps(
        {
            "run": uuid.uuid4().hex,
            "file": str(session.pipeline.file.absolute()),
            "text": session.text,
            "overrides": dict(session.overrides),
            "plugins": list(session.plugins),
            "folder": str(Path.cwd()),
            "offline": session.identities.toolchains.offline,
            "forced": sorted(forced),
            "remote": session.remote_url,
            "store": str(store) if store else None,
        },
        sort_keys=True,
    )


def make_elsewhere(order: str, name: str, gave: Mapping[str, Any], log: Any = None) -> dict[str, Any]:
    """Make one node in this process; return what it gave, as `shipped` writes it.

    Args:
        order: see `order_of`.
        gave: what each node that it needs gave.
        log: a logger for what the stage has to say.

    Raises:
        EdgesmithError: the node failed.
    """
    with _kept().using(order) as executor:
        listener: Any = executor.listener
        listener.loggers[name] = log or logging.getLogger("edgesmith")
        for other, result in gave.items():
            node = executor.plan.steps[other].node
            executor.results[other] = NodeResult(node, "cached", received(result))
        return shipped(executor.make(name))


def resources_of(order: str, name: str) -> tuple[str, ...]:
    """Return what a node asks for of Prefect's concurrency limits."""
    with _kept().using(order) as executor:
        return executor.plan.steps[name].node.resources


def shipped(result: NodeResult) -> dict[str, Any]:
    """Write a result as JSON values."""
    action = result.action
    if action is None:
        raise EdgesmithError(f"{result.node.name} gave nothing")
    return {
        "state": result.state,
        "key": action.key,
        "outputs": dict(action.outputs),
        "figures": dict(action.figures),
        "document": dict(action.document),
        "seconds": action.seconds,
        "deterministic": action.deterministic,
        "through": list(action.through),
    }


def received(result: Mapping[str, Any]) -> Action:
    """Read what `shipped` wrote."""
    told = {name: value for name, value in result.items() if name != "state"}
    return Action(**{**told, "through": tuple(told.get("through", ()))})


class _Logs:
    """Hands what stages say to the logger of the node's task."""

    def __init__(self) -> None:
        self.loggers: dict[str, Any] = {}

    def started(self, node: str) -> None:
        """See `Listener`."""

    def progressed(self, node: str, done: float, total: float, figures: Mapping[str, Any]) -> None:
        """See `Listener`."""

    def logged(self, node: str, level: str, text: str) -> None:
        """See `Listener`."""
        log = self.loggers.get(node, logging.getLogger("edgesmith"))
        log.log(logging.getLevelNamesMapping().get(level, logging.INFO), "%s", text)

    def ended(self, result: NodeResult) -> None:
        """See `Listener`."""


@functools.cache
def _kept() -> Kept[Executor]:
    """Return what holds this process' executor, which keeps its workers warm from node to node of a run."""
    kept = Kept(_executor)
    atexit.register(kept.close)
    return kept


def _executor(order: str, until: ExitStack) -> Executor:
    told = json.loads(order)
    store = told["store"] or os.environ.get(STORE_VARIABLE)
    if not store:
        store = until.enter_context(tempfile.TemporaryDirectory(prefix="edgesmith-store-", ignore_cleanup_errors=True))
    session = session_of(
        parse_yaml(told["text"], Path(told["file"])),
        store=Path(store),
        plugins=told["plugins"],
        folder=Path(told["folder"]),
        overrides=told["overrides"],
        remote=told["remote"],
        offline=told["offline"],
    )
    until.enter_context(session.store.lease())
    until.callback(session.identities.memo.save)
    pool = WorkerPool(session.store.root / "logs")
    until.callback(_stop, pool)
    plan = Plan(session.pipeline, {name: Step(node, "run") for name, node in session.pipeline.nodes.items()})
    return Executor(
        plan,
        session.store,
        session.registry,
        session.identities,
        pool,
        _Logs(),
        force=set(told["forced"]),
        quiet=QuietLock(session.store.root / "locks" / "quiet"),
        remote=session.remote,
    )


def _stop(pool: WorkerPool) -> None:
    """Stop a run's workers; if one can't be stopped, that is no fault of the next run's node."""
    try:
        pool.stop()
    except EdgesmithError as error:
        logging.getLogger("edgesmith").warning("%s", error)
