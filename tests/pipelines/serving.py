"""A Prefect server of a test module's own, on the loopback interface."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from .commands import Place

REPOSITORY = Path(__file__).parent.parent.parent


class Service(Place):
    """A project with a Prefect server of its own on the loopback interface."""

    port = 0

    @property
    def env(self) -> dict[str, str]:
        return {
            **super().env,
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_UI_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PYTHONPATH": os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "COLUMNS": "200",
        }

    def serve(self) -> None:
        """Start the server and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.background("server.log", "server", "start", "--port", str(self.port))
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        until = time.monotonic() + 180
        while True:
            try:
                direct.open(f"http://127.0.0.1:{self.port}/api/health", timeout=5)
                return
            except OSError:
                assert time.monotonic() < until, (self.folder / "server.log").read_text()
                time.sleep(0.3)

    def background(self, log: str, *arguments: str, cwd: Path | None = None, **env: str) -> None:
        """Start `prefect ARGUMENTS`; its output goes to a file."""
        command = [sys.executable, "-m", "prefect", *arguments]
        with (self.folder / log).open("wb") as output:
            subprocess.Popen(
                command,
                cwd=cwd or self.folder,
                env={**self.env, **env},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def prefect(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `prefect ARGUMENTS` in the project's folder."""
        command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False, timeout=240
        )

    def ask(self, path: str) -> Any:
        """Ask the server's API for all that it has of something."""
        return self.send("POST", path, {})

    def send(self, method: str, path: str, content: Any = None) -> Any:
        """Send a request to the server's API; return its answer, None where that is empty."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}",
            data=None if content is None else json.dumps(content).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        direct, until = urllib.request.build_opener(urllib.request.ProxyHandler({})), time.monotonic() + 60
        while True:
            try:
                answer = direct.open(request, timeout=30).read()
                return json.loads(answer) if answer else None
            except urllib.error.HTTPError as error:
                # SQLite is busy; Prefect's own client tries again, too.
                if error.code != 503 or time.monotonic() > until:
                    raise
                time.sleep(0.5)

    def stop(self) -> None:
        """End everything that was started here."""
        for process in self.processes():
            process.kill()
