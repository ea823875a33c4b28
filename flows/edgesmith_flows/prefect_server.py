"""A Prefect server for one run, where none is configured. It ends with this process, however that ends.

Prefect's own temporary server outlives a process that is killed; this one sees its parent's line close.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from edgesmith.channel import Channel, start
from edgesmith.errors import EdgesmithError

START_SECONDS = 180.0
_STOP_SECONDS = 10.0
_ABORT_SECONDS = 2.0


@contextlib.contextmanager
def run_server(log: Path) -> Iterator[str]:
    """Start a server on a free port of the loopback interface; yield its API's URL.

    Args:
        log: where the server's own output goes.

    Raises:
        EdgesmithError: it did not start.
    """
    env = {**os.environ, "PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
    with log.open("wb") as output:
        process, channel = start(
            sys.executable, {}, "edgesmith_flows.prefect_server", output=output, env=env, session=True
        )
    grace = _STOP_SECONDS
    try:
        hello = channel.receive()
        if hello is None:
            raise _failed(log)
        url = f"http://127.0.0.1:{hello['port']}/api"
        _await_health(url, process, log)
        yield url
    except BaseException:
        grace = _ABORT_SECONDS
        raise
    finally:
        # Asked nicely first: it still has states of the run to write down.
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        channel.close()


def _await_health(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            direct.open(f"{url}/health", timeout=5) as reply,
        ):
            if reply.status == 200:
                return
        time.sleep(0.1)
    raise _failed(log)


def _failed(log: Path) -> EdgesmithError:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-8:]
    told = "".join(f"\n    {line}" for line in lines)
    return EdgesmithError(
        f"Prefect's server could not be started{':' if told else ''}{told}",
        hint="start one yourself with `prefect server start` and set PREFECT_API_URL",
    )


def main() -> None:
    """Serve until asked to end, or until the parent has gone."""
    channel = Channel.inherited(int(sys.argv[1]))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    channel.send({"port": listener.getsockname()[1]})

    def watch() -> None:
        while channel.receive() is not None:
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(create_app, factory=True, log_level="error", lifespan="on", timeout_graceful_shutdown=5)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
