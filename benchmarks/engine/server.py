"""A Prefect server that is up before anything is measured."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.engine.bench import Bench
from benchmarks.engine.peers import prefect_cache
from benchmarks.engine.timing import CommandFailed

_START_SECONDS = 180.0


@contextlib.contextmanager
def prefect_server(bench: Bench) -> Iterator[str]:
    """Start a server on a free port of the loopback interface; yield its API's URL, and end it."""
    scripts = prefect_cache.EMPTY.environment()
    home = bench.folder / "server"
    home.mkdir(exist_ok=True)
    env = {**bench.env, "PREFECT_HOME": str(home), "PREFECT_UI_ENABLED": "0"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [str(scripts / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(argv, cwd=home, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}/api"
        _await(url, process, home / "log")
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), direct.open(f"{url}/health", timeout=5):
            return
        time.sleep(0.2)
    raise CommandFailed("Prefect's server did not start:\n" + log.read_text(encoding="utf-8", errors="replace")[-2000:])
