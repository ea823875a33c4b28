"""What a long-lived process keeps from node to node of one run, and gives up for the next run's."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Held(Generic[T]):
    order: str
    value: T
    stack: ExitStack
    users: int = 0


class Kept(Generic[T]):
    """Holds one value, that of the last order. Many threads may use it at once.

    A value whose order is no longer the last is given up as soon as nobody uses it.

    Args:
        make: makes the value of an order; what giving it up takes goes on the stack.
    """

    def __init__(self, make: Callable[[str, ExitStack], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._held: list[_Held[T]] = []

    @contextlib.contextmanager
    def using(self, order: str) -> Iterator[T]:
        """Yield the value of an order, made if it isn't the one that is held."""
        with self._lock:
            held = self._take(order)
        try:
            yield held.value
        finally:
            with self._lock:
                held.users -= 1
                self._drop_unused()

    def close(self) -> None:
        """Give up all values, used or not."""
        with self._lock:
            for held in self._held:
                held.stack.close()
            self._held.clear()

    def _take(self, order: str) -> _Held[T]:
        if not self._held or self._held[-1].order != order:
            with ExitStack() as stack:
                held = _Held(order, self._make(order, stack), stack.pop_all())
            self._held.append(held)
            self._drop_unused()
        self._held[-1].users += 1
        return self._held[-1]

    def _drop_unused(self) -> None:
        for held in [one for one in self._held[:-1] if not one.users]:
            self._held.remove(held)
            held.stack.close()
