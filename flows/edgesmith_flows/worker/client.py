"""The parent's side of worker processes: one warm worker an environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgesmith.channel import Channel, start
from edgesmith.errors import Cancelled, EdgesmithError, StageFailed, UserError
from edgesmith.postmortem import Watch
from edgesmith_flows.toolchains import Environment

OnEvent = Callable[[Mapping[str, Any]], "Mapping[str, Any] | None"]
"""Is told what happens; what it returns is sent back as an answer."""
_TAIL = 20


class StageBug(EdgesmithError):
    """A stage raised something that it should have handled: a bug of the stage, with its traceback."""

    exit_code = 3

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message)
        self.trace = trace


class Worker:
    """One worker process. Jobs wait for their turn."""

    def __init__(self, environment: Environment, bridge: Mapping[str, str], log: Path) -> None:
        self.environment = environment
        self.bridge = dict(bridge)
        self.log = log
        self.turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._stopped = False
        self._watch = Watch()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> None:
        """Start the process if it isn't running."""
        if self._stopped:
            raise Cancelled("the run was interrupted")
        if self._process is not None and self._process.poll() is None:
            return
        env = {k: v for k, v in os.environ.items() if k not in {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}}
        # Spinning OpenMP threads make training five times slower where another process wants the cores.
        env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        env["TMPDIR"] = self._fresh_temporary()
        self._watch = Watch()
        with self.log.open("ab") as output:
            self._process, self._channel = start(
                self.environment.python,
                self.bridge,
                "edgesmith_flows.worker.main",
                output=output,
                env=env,
                session=True,
            )
        if self._stopped:
            self.stop()

    def run(self, job: Mapping[str, Any], on_event: OnEvent, timeout: float | None = None) -> dict[str, Any]:
        """Run one job and return the stage's figures.

        Raises:
            EdgesmithError: the stage failed; the message is the user's.
            StageBug: the stage raised something else.
        """
        self.start()
        process, channel = self._process, self._channel
        if process is None or channel is None:
            raise Cancelled("the run was interrupted")
        offset = self.log.stat().st_size
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._kill()

        timer = threading.Timer(timeout, expire) if timeout else None
        if timer:
            timer.start()
        try:
            with contextlib.suppress(OSError):
                channel.send({"op": "run", **job})
            while (event := channel.receive()) is not None:
                if event["event"] == "done":
                    return dict(event["figures"])
                if event["event"] == "failed":
                    self._raise(event)
                answer = on_event(event)
                if answer is not None:
                    with contextlib.suppress(OSError):
                        channel.send(answer)
        finally:
            if timer:
                timer.cancel()
        death = self._watch.death(process)
        # The processes that it started are still there, in its group.
        self._kill()
        self._channel = self._process = None
        self._drop_temporary(process)
        if self._stopped:
            raise Cancelled("the run was interrupted")
        if expired.is_set():
            raise StageFailed(f"it took longer than its timeout of {timeout:g} s and was stopped")
        raise StageFailed(f"its process died: {death}{self._tail(offset)}", hint=death.hint)

    def _raise(self, event: Mapping[str, Any]) -> None:
        if event["handled"]:
            kinds: dict[str, type[EdgesmithError]] = {"Cancelled": Cancelled, "StageFailed": StageFailed}
            raise kinds.get(event["type"], UserError)(event["message"], hint=event["hint"])
        raise StageBug(f"{event['type']}: {event['message']}", event["traceback"])

    def _tail(self, offset: int) -> str:
        with contextlib.suppress(OSError):
            data = self.log.read_bytes()[offset:].decode(errors="replace").strip().splitlines()
            if data:
                return "; its last lines were:\n    " + "\n    ".join(data[-_TAIL:])
        return ""

    def _kill(self) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the process and everything that it started, at once."""
        self._stopped = True
        process = self._process
        self._kill()
        if process is not None:
            self._drop_temporary(process)

    def _fresh_temporary(self) -> str:
        """Make a folder for the temporary files of the process: converters leave theirs behind when they are killed."""
        if self._temporary is not None:
            self._temporary.cleanup()
        try:
            self._temporary = tempfile.TemporaryDirectory(prefix="edgesmith-worker-", ignore_cleanup_errors=True)
        except OSError as error:
            raise UserError(
                f"no folder for temporary files can be made: {error.strerror or error}",
                hint="make room, or name another place in TMPDIR",
            ) from error
        return self._temporary.name

    def _drop_temporary(self, process: subprocess.Popen[bytes]) -> None:
        """Remove that folder once nobody writes there any more."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        if self._temporary is not None:
            self._temporary.cleanup()


class WorkerPool:
    """Workers by environment; started at first use, stopped together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers: dict[tuple[Any, ...], Worker] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def worker(self, environment: Environment, bridge: Mapping[str, str], apart: str = "") -> Worker:
        """Return the environment's worker, lent the packages of `bridge`.

        Args:
            apart: for a node whose stage waits for other nodes, a name that gives it a worker of its own.
        """
        with self._lock:
            if self._stopped:
                raise Cancelled("the run was interrupted")
            lent = (environment.name, apart, *sorted(bridge.items()))
            if lent not in self._workers:
                log = self._folder / f"worker-{environment.name}.log"
                self._workers[lent] = Worker(environment, bridge, log)
            return self._workers[lent]

    def stop(self) -> None:
        """Stop all workers."""
        with self._lock:
            self._stopped = True
            workers = list(self._workers.values())
        begun = time.monotonic()
        for worker in workers:
            worker.stop()
        if time.monotonic() - begun > 5:
            raise EdgesmithError("a worker process could not be stopped within 5 s")
