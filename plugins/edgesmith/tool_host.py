"""The far side of `edgesmith.tool.Tool`: one call, one process."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import traceback
from typing import Any

from edgesmith.channel import Channel
from edgesmith.errors import EdgesmithError
from edgesmith.loading import load_object


class _Handler(logging.Handler):
    """Sends what the function logs up the line."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self.channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            self.channel.send({"event": "log", "level": record.levelno, "text": record.getMessage()})


def answer(call: dict[str, Any]) -> dict[str, Any]:
    """Call the function; return the event that tells its result, or what it raised."""
    try:
        result = load_object(call["function"])(**call["arguments"])
        json.dumps(result)
        return {"event": "done", "result": result}
    except Exception as error:  # whatever it raises is the caller's to report
        traceback.print_exc()
        handled = isinstance(error, EdgesmithError)
        return {
            "event": "failed",
            "type": type(error).__name__,
            "message": error.message if isinstance(error, EdgesmithError) else str(error),
            "hint": error.hint if isinstance(error, EdgesmithError) else None,
            "handled": handled,
            "traceback": "" if handled else traceback.format_exc(),
        }


def main() -> None:
    """Answer one call; end at once if the caller hangs up."""
    channel = Channel.inherited(int(sys.argv[1]))
    call = channel.receive()
    if call is None:
        return
    log = logging.getLogger("edgesmith.tool")
    log.setLevel(logging.INFO)
    log.addHandler(_Handler(channel))
    log.propagate = False

    def wait_for_the_end() -> None:
        channel.receive()
        os._exit(1)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    channel.send(answer(call))


if __name__ == "__main__":
    main()
