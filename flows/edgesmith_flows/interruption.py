"""Ctrl-C and SIGTERM: the workers stop at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from edgesmith_flows.execute import Executor


@contextlib.contextmanager
def interruptible(executor: Executor) -> Iterator[None]:
    """Stop the workers the moment SIGINT or SIGTERM arrives: Prefect's own threads wait for them.

    Entered once more inside the flow, since Prefect puts a handler of its own for SIGTERM around it.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        executor.cancelled.set()
        executor.pool.stop()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
