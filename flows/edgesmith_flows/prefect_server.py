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

START_SECONDS = 600.0
"""A start takes some seconds of processor time, of which a crowded machine gives little. Death is noticed at once."""
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
    begun = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:  # another run on the same store may have one, too
        process, channel = start(
            sys.executable, {}, "edgesmith_flows.prefect_server", output=output, env=env, session=True
        )
    grace = _STOP_SECONDS
    try:
        hello = channel.receive()
        if hello is None:
            raise _failed(log, begun)
        url = f"http://127.0.0.1:{hello['port']}/api"
        if not _is_healthy(url, process):
            raise _failed(log, begun) if process.poll() is not None else _late()
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


def _is_healthy(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers; tell whether it does."""
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
                return True
        time.sleep(0.1)
    return False


def _failed(log: Path, begun: int) -> EdgesmithError:
    lines = log.read_bytes()[begun:].decode(errors="replace").strip().splitlines()[-8:]
    told = "".join(f"\n    {line}" for line in lines)
    return EdgesmithError(
        f"Prefect's server could not be started{':' if told else ''}{told}",
        hint="start one yourself with `prefect server start` and set PREFECT_API_URL",
    )


def _late() -> EdgesmithError:
    return EdgesmithError(
        f"Prefect's server for this run did not answer within {START_SECONDS:.0f} s",
        hint="is the machine busy with something else? run again later, or start a server that stays with "
        "`prefect server start` and set PREFECT_API_URL",
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

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            with migrating():
                await super().startup(sockets)

    config = uvicorn.Config(create_app, factory=True, log_level="error", lifespan="on", timeout_graceful_shutdown=5)
    Server(config).run(sockets=[listener])


@contextlib.contextmanager
def migrating() -> Iterator[None]:
    """Let one server at a time start on a database that is not known to be up to date.

    Prefect creates and migrates its database when a server starts, and two that do so at once break each other's
    migrations. What was migrated is noted by Prefect's version and the file's inode, so that later starts don't wait.
    """
    import prefect
    from filelock import FileLock
    from prefect.settings import get_current_settings

    home = get_current_settings().home
    home.mkdir(parents=True, exist_ok=True)
    noted = home / "edgesmith-migrated"

    def state() -> str:
        file = home / "prefect.db"
        return f"{prefect.__version__} {file.stat().st_ino if file.exists() else 'no file'}"

    if noted.exists() and noted.read_text(encoding="utf-8") == state():
        yield
        return
    with FileLock(home / "edgesmith-migrating.lock"):
        yield
        noted.write_text(state(), encoding="utf-8")


if __name__ == "__main__":
    main()
