"""JSON lines over a socket pair: how processes of one run talk. Nothing is pickled."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any


class Channel:
    """One end of a line. Sending is safe from several threads."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = sock.makefile("rb")
        self._lock = threading.Lock()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one JSON object; a closed line raises OSError."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._sock.sendall(data)

    def receive(self) -> dict[str, Any] | None:
        """Return the next object, or None when the other side has gone."""
        try:
            line = self._reader.readline()
        except OSError:
            return None
        if not line.endswith(b"\n"):
            return None
        return dict(json.loads(line))

    def close(self) -> None:
        """Close this end; the other side then receives None."""
        self._reader.close()
        self._sock.close()

    @classmethod
    def inherited(cls, descriptor: int) -> Channel:
        """Open the end that a parent process left in `descriptor`."""
        os.set_inheritable(descriptor, False)
        return cls(socket.socket(fileno=descriptor))


def start(
    python: str,
    bridge: Mapping[str, str],
    module: str,
    *,
    output: IO[bytes] | int,
    env: Mapping[str, str] | None = None,
    session: bool = False,
) -> tuple[subprocess.Popen[bytes], Channel]:
    """Start `module` under another interpreter with a line to it.

    Args:
        python: the interpreter of the environment to run in.
        bridge: top-level packages of this environment that it may import (see `edgesmith.boot`).
        module: a module whose `__main__` takes the channel's descriptor as its first argument.
        output: where the process' stdout and stderr go; they can't disturb the line.
        env: the whole environment of the process; this one's when None.
        session: give it a process group of its own, so that it and all it starts can be killed together.
    """
    ours, theirs = socket.socketpair()
    boot = str(Path(__file__).with_name("boot.py"))
    # Another environment must see nothing of this one; this one again must see PYTHONPATH and the user's site-packages.
    isolation = "-P" if python == sys.executable and not sys.flags.isolated else "-I"
    command = [python, isolation, boot, json.dumps(dict(bridge)), module, str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[theirs.fileno()],
            env=None if env is None else dict(env),
            start_new_session=session,
        )
    return process, Channel(ours)
