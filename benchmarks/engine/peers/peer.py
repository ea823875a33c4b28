"""One peer: its environment, and how it runs a graph of empty steps."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.engine.timing import Command, note

EXCLUDE_NEWER = "2026-11-15"
Graph = Mapping[str, tuple[str, ...]]


class PeerMissing(Exception):
    """A peer could not be installed; the message is one line for the table."""


@dataclass(frozen=True)
class Peer:
    """A tool that runs a graph of steps, each of which writes one line to a file.

    Attributes:
        requirements: pinned; what they need in turn is pinned by date.
        write: writes a project for a graph into an empty folder.
        argv: the command, its first word a script of the environment, run in the project's folder.
        proof: what the command prints when it found every step cached.
        env: set for it.
        once: commands that a fresh project needs before anything is measured.
    """

    name: str
    requirements: tuple[str, ...]
    write: Callable[[Path, Graph], None]
    argv: tuple[str, ...]
    proof: str
    env: Mapping[str, str] = field(default_factory=dict)
    once: tuple[tuple[str, ...], ...] = ()

    def project(self, folder: Path, graph: Graph, env: Mapping[str, str]) -> None:
        """Make a fresh project in `folder`, which must not exist."""
        folder.mkdir(parents=True)
        self.write(folder, graph)
        for argv in self.once:
            self._command(argv, folder, env).run()

    def command(self, folder: Path, env: Mapping[str, str], *, cached: bool) -> Command:
        """Return the command that runs a project; `cached` says that nothing must be left to do."""
        return self._command(self.argv, folder, env, self.proof if cached else "")

    def _command(self, argv: tuple[str, ...], folder: Path, env: Mapping[str, str], proof: str = "") -> Command:
        scripts = self.environment()
        extra = {name: value.format(project=folder) for name, value in self.env.items()}
        path = {"PATH": f"{scripts}{os.pathsep}{env['PATH']}"}
        return Command((str(scripts / argv[0]), *argv[1:]), folder, {**env, **path, **extra}, proof)

    def environment(self) -> Path:
        """Return the folder of its environment's scripts, building the environment at first use.

        Raises:
            PeerMissing: it can't be installed.
        """
        pins = "\n".join((*self.requirements, EXCLUDE_NEWER, sys.version))
        tool = self.requirements[0].partition("==")[0]
        place = cache_folder() / f"{tool}-{hashlib.sha256(pins.encode()).hexdigest()[:12]}"
        scripts = place / "bin"
        if not (place / "complete").exists():
            note(f"  installing {', '.join(self.requirements)}")
            shutil.rmtree(place, ignore_errors=True)
            self._uv("venv", "--no-project", "--python", sys.executable, str(place))
            # With bytecode, as a peer that compiles itself at every start would lose for nothing.
            self._uv("pip", "install", "--no-config", "--exclude-newer", EXCLUDE_NEWER, "--compile-bytecode",
                     "--python", str(scripts / "python"), *self.requirements)  # fmt: skip
            (place / "complete").touch()
        return scripts

    def _uv(self, *arguments: str) -> None:
        from uv import find_uv_bin

        env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        done = subprocess.run(
            [os.fsdecode(find_uv_bin()), *arguments], capture_output=True, text=True, env=env, check=False
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["uv failed"]
            raise PeerMissing(f"not installed: {lines[-1].strip()}")


def cache_folder() -> Path:
    """Return where peers' environments are kept: EDGESMITH_BENCHMARKS, or the user's cache folder."""
    from platformdirs import user_cache_path

    given = os.environ.get("EDGESMITH_BENCHMARKS")
    return Path(given).absolute() if given else user_cache_path("edgesmith-benchmarks")
