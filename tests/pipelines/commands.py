"""Runs of `edgesmith` as a user types them, watched from outside."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MARK = "EDGESMITH_TEST_MARK"


@dataclass
class Place:
    """A folder with a store; what is started here can be told from all other processes by a mark in its environment."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "EDGESMITH_STORE": str(self.store), MARK: self.mark}

    def start(self, *arguments: str, log: str = "log", **env: str) -> subprocess.Popen[bytes]:
        """Start `edgesmith ARGUMENTS`; its output is added to a file."""
        command = [str(Path(sys.executable).with_name("edgesmith")), *arguments]
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(command, cwd=self.folder, env={**self.env, **env}, stdout=output, stderr=output)

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `edgesmith ARGUMENTS` to its end."""
        command = [str(Path(sys.executable).with_name("edgesmith")), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env={**self.env, **env}, capture_output=True, text=True, check=False
        )

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started here."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def workers(self) -> list[psutil.Process]:
        """The processes in which stages run."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if "edgesmith_flows.worker.main" in process.cmdline():
                    found.append(process)
        return found

    def quiet(self, seconds: float = 15.0) -> list[psutil.Process]:
        """Wait until no process is left; return those that are."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.processes():
            time.sleep(0.1)
        return self.processes()

    def results(self) -> dict[str, int]:
        """By key, the inode of its record: recording a result again writes a new file."""
        return {file.stem: file.stat().st_ino for file in (self.store / "actions").glob("??/*.json")}

    def records(self) -> list[dict[str, object]]:
        """The records of finished runs, oldest first."""
        return [json.loads(file.read_text()) for file in sorted((self.store / "runs").glob("*.json"))]
