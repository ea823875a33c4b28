"""Measurements don't share the machine with other nodes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class QuietLock:
    """Many nodes at once, or one that measures.

    A measurement waits until all that runs has ended, and what would start then waits for it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._measuring = False
        self._waiting = 0

    @contextlib.contextmanager
    def hold(self, *, alone: bool) -> Iterator[None]:
        """Hold the machine, alone or with others."""
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
