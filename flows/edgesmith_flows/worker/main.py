"""The worker process: runs stages one after another, so that torch is imported once a run, not once a stage.

Protocol, version 1, JSON lines. To the worker: `{"op": "run", ...job}`, `{"op": "cancel"}` and, to what it asks,
`{"op": "answer", ...}`. From the worker: `{"event": NAME, ...}`, NAME being `ready`, `log`, `progress`, `provisional`,
`ask`, `done` or `failed`. What a stage prints goes to the worker's log file.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import queue
import shutil
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from edgesmith.channel import Channel
from edgesmith.errors import Cancelled, EdgesmithError, StageFailed
from edgesmith.loading import load_object
from edgesmith_flows.worker.context import Line, WorkerContext, load_inputs

PROTOCOL = 1
_NO_SPACE = 64 * 1024


class ChannelHandler(logging.Handler):
    """Sends what stages log up the line."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self.channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; a parent that has gone is not this handler's business."""
        with contextlib.suppress(OSError):
            self.channel.send({"event": "log", "level": record.levelname, "text": record.getMessage()})


def run_job(job: dict[str, Any], line: Line, log: logging.Logger, cancel: threading.Event) -> None:
    """Run one stage and report how it went."""
    channel = line.channel
    try:
        stage = load_object(job["stage"])
        params = stage.Params.model_validate(job["params"])
        ctx = WorkerContext(job, line, log, cancel)
        figures = stage().run(ctx, load_inputs(job["inputs"]), params)
        if figures is not None and not isinstance(figures, dict):
            raise TypeError(f"it returned {type(figures).__name__}; expected a mapping or None")
        try:
            plain = json.loads(json.dumps(figures or {}))
        except (TypeError, ValueError) as error:
            raise TypeError(f"it returned figures that are not JSON: {error}") from error
        channel.send({"event": "done", "figures": plain})
    except Exception as error:  # whatever a stage raises is reported, and the worker goes on
        if cancel.is_set() and not isinstance(error, EdgesmithError):
            error = Cancelled("cancelled")
        if not isinstance(error, EdgesmithError) and not Path(job["scratch"]).is_dir():
            error = StageFailed("the store's folder was removed while the stage ran", hint="run again")
        if _disk_is_full(error, job["scratch"]):
            error = StageFailed(
                f"the disk is full ({error})", hint="make room, then run again; finished nodes are kept"
            )
        with contextlib.suppress(OSError):  # the log, too, may be on the full disk
            traceback.print_exc()
        handled = isinstance(error, EdgesmithError)
        channel.send(
            {
                "event": "failed",
                "type": type(error).__name__,
                "message": error.message if isinstance(error, EdgesmithError) else f"{error}",
                "hint": error.hint if isinstance(error, EdgesmithError) else None,
                "handled": handled,
                "traceback": "" if handled else traceback.format_exc(),
            }
        )


def _disk_is_full(error: Exception, folder: str) -> bool:
    """Tell whether a stage failed for want of space: some libraries say so in words only, some not at all."""
    if isinstance(error, EdgesmithError):
        return False
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if "No space left on device" in str(error):
        return True
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < _NO_SPACE
    return False


def main() -> None:
    """Serve jobs until the parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel.inherited(int(sys.argv[1]))
    line = Line(channel)
    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    cancel = threading.Event()
    log = logging.getLogger("edgesmith.stage")
    log.setLevel(logging.INFO)
    log.addHandler(ChannelHandler(channel))
    log.propagate = False

    def listen() -> None:
        while (message := channel.receive()) is not None:
            if message["op"] == "cancel":
                cancel.set()
            elif message["op"] == "answer":
                line.answers.put(message)
            else:
                jobs.put(message)
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=listen, daemon=True).start()
    channel.send({"event": "ready", "protocol": PROTOCOL, "python": sys.version.split()[0]})
    while True:
        run_job(jobs.get(), line, log, cancel)


if __name__ == "__main__":
    main()
