"""What a run shows in Prefect's UI while it goes on: each node's log, and its progress."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import MissingContextError

from edgesmith_flows.console import figures_text
from edgesmith_flows.outcome import Listener, NodeResult

_SECONDS = 2.0


class PrefectListener:
    """Hands what happens to Prefect's logger of the node's task run, and on to another listener.

    Args:
        inner: the terminal's, if there is one.
        progress: whether to keep a progress artifact a node; a server of the run's own is looked at by nobody.
    """

    def __init__(self, inner: Listener | None = None, *, progress: bool = True) -> None:
        self._inner = inner
        self._progress = progress
        self._artifacts: dict[str, Any] = {}
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def started(self, node: str) -> None:
        """See `Listener`."""
        if self._inner:
            self._inner.started(node)

    def progressed(self, node: str, done: float, total: float, figures: Mapping[str, Any]) -> None:
        """See `Listener`."""
        if self._inner:
            self._inner.progressed(node, done, total, figures)
        if self._progress and total:
            self._show(node, 100 * done / total, figures)

    def logged(self, node: str, level: str, text: str) -> None:
        """See `Listener`."""
        if self._inner:
            self._inner.logged(node, level, text)
        number = logging.getLevelNamesMapping().get(level, logging.INFO)
        _logger().log(number, "%s%s", f"{node}: " if node else "", text)

    def ended(self, result: NodeResult) -> None:
        """See `Listener`."""
        if self._inner:
            self._inner.ended(result)

    def _show(self, node: str, percent: float, figures: Mapping[str, Any]) -> None:
        now = time.monotonic()
        with self._lock:
            if percent < 100 and now - self._told.get(node, 0.0) < _SECONDS:
                return
            self._told[node] = now
        told = ": ".join(part for part in (node, figures_text(figures)) if part)
        try:
            if node not in self._artifacts:
                self._artifacts[node] = create_progress_artifact(percent, description=told)
            else:
                update_progress_artifact(self._artifacts[node], percent, description=told)
        except Exception as error:  # a lost artifact must not fail a node
            self._progress = False
            _logger().debug("no progress artifacts: %s", error)


def _logger() -> Any:
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("edgesmith")
