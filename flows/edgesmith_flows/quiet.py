"""Measurements don't share the machine with other nodes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from edgesmith_flows.lease import Gate


class QuietLock:
    """Many nodes at once, or one that measures.

    A measurement waits until all that runs has ended, and what would start then waits for it.

    Args:
        file: for a run whose nodes are made by several processes of this machine, the file that they share.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._gates = None if file is None else (Gate(file.with_name(f"{file.name}-next")), Gate(file))
        self._changed = threading.Condition()
        self._running = 0
        self._measuring = False
        self._waiting = 0

    @contextlib.contextmanager
    def hold(self, *, alone: bool) -> Iterator[None]:
        """Hold the machine, alone or with others."""
        with self._among_threads(alone), contextlib.ExitStack() as held:
            if self._gates is not None:
                # A measurement that waits for others keeps the next ones from overtaking it.
                with self._gates[0].hold(alone=True):
                    held.enter_context(self._gates[1].hold(alone=alone))
            yield

    @contextlib.contextmanager
    def _among_threads(self, alone: bool) -> Iterator[None]:
        with self._changed:
            if alone:
                self._waiting += 1
                self._changed.wait_for(lambda: not self._measuring and self._running == 0)
                self._waiting -= 1
                self._measuring = True
            else:
                self._changed.wait_for(lambda: not self._measuring and self._waiting == 0)
                self._running += 1
        try:
            yield
        finally:
            with self._changed:
                if alone:
                    self._measuring = False
                else:
                    self._running -= 1
                self._changed.notify_all()
