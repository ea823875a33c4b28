"""Call a function in another toolchain's environment."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgesmith import errors
from edgesmith.channel import Channel, start
from edgesmith.errors import EdgesmithError, StageFailed
from edgesmith.loading import package_place
from edgesmith.postmortem import Watch

_TAIL = 20


@dataclass(frozen=True)
class Tool:
    """A toolchain that a stage named in `Stage.tools`, reached through `ctx.tool(name)`.

    Attributes:
        name: as the stage calls it.
        python: the interpreter of the environment that meets its requirements.
        bridge: packages that this interpreter must be lent (see `edgesmith.boot`).
        log: where what the function logs on the logger `edgesmith.tool` goes.
    """

    name: str
    python: str
    bridge: Mapping[str, str] = field(default_factory=dict)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("edgesmith.tool"))

    def call(self, function: Callable[..., Any], /, **arguments: Any) -> Any:
        """Call a function there, in a process of its own, and return what it returns.

        Args:
            function: a function of a module of the plugin, importable in both environments: heavy imports inside.
            arguments: JSON values; pass large data as paths of files.

        Returns:
            The function's result, a JSON value.

        Raises:
            EdgesmithError: what the function raised, if it is one of these.
            StageFailed: the process died; the message has its last lines.
            RuntimeError: the function raised anything else; its traceback is a note on it.
        """
        with tempfile.TemporaryDirectory(prefix="edgesmith-") as work:
            output = Path(work, "log")
            watch = Watch()
            with output.open("wb") as stream:
                process, channel = start(
                    self.python, self._bridge(function), "edgesmith.tool_host", output=stream, env=self._environment()
                )
            try:
                name = f"{function.__module__}:{function.__qualname__}"
                with contextlib.suppress(OSError):
                    channel.send({"function": name, "arguments": arguments})
                reply = self._answer(channel)
                if reply is None:
                    death = watch.death(process)
                    raise StageFailed(
                        f"the {self.name} process died in {function.__name__}: {death}{_tail(output)}", hint=death.hint
                    )
            finally:
                _end(process, channel)
        if reply["event"] == "failed":
            raise self._error(reply)
        return reply["result"]

    def _bridge(self, function: Callable[..., Any]) -> dict[str, str]:
        tops = ("edgesmith", function.__module__.partition(".")[0])
        places = {top: package_place(top) for top in tops}
        return {**{top: str(place) for top, place in places.items() if place is not None}, **self.bridge}

    def _environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        # Converters call each other's commands, and must find those of their own environment.
        return {**env, "PATH": os.pathsep.join([str(Path(self.python).parent), env.get("PATH", os.defpath)])}

    def _answer(self, channel: Channel) -> dict[str, Any] | None:
        while (event := channel.receive()) is not None and event["event"] == "log":
            self.log.log(event["level"], "%s", event["text"])
        return event

    def _error(self, reply: Mapping[str, Any]) -> Exception:
        kind = getattr(errors, reply["type"], None)
        if reply["handled"]:
            known = isinstance(kind, type) and issubclass(kind, EdgesmithError)
            return (kind if known else StageFailed)(reply["message"], hint=reply["hint"])  # type: ignore[misc]
        error = RuntimeError(f"{reply['type']}: {reply['message']} (in the tool {self.name!r})")
        error.add_note(reply["traceback"])
        return error


def _tail(output: Path) -> str:
    lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "; its last lines were:\n    " + "\n    ".join(lines[-_TAIL:]) if lines else ""


def _end(process: subprocess.Popen[bytes], channel: Channel) -> None:
    channel.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
