"""What a run needs, looked at piece by piece: `edgesmith doctor`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from edgesmith.errors import EdgesmithError
from edgesmith.target import make_target
from edgesmith_flows.registry import Registry, load_registry, why_unavailable
from edgesmith_flows.settings import Settings
from edgesmith_flows.toolchains import Toolchains, default_root

State = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        about: its group: `python`, `plugin`, `store`...
        state: `note` for what may be meant so, `broken` for what stops runs.
        hint: what to do about it.
    """

    about: str
    name: str
    state: State
    text: str
    hint: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything; change nothing."""
    from edgesmith_flows.doctor_places import disks, prefect, store

    registry = load_registry(settings.plugins, Path.cwd())
    yield from machine()
    yield from packages()
    yield from plugins(registry)
    yield from toolchains(default_root())
    yield from runtimes(registry, Toolchains())
    yield from targets(registry)
    yield from prefect()
    yield from store(settings.store)
    yield from disks({"store": settings.store, "toolchains": default_root(), "temporary files": _temporary()})


def _temporary() -> Path:
    import tempfile

    return Path(tempfile.gettempdir())


def machine() -> Iterator[Finding]:
    """Look at Python, the platform and uv."""
    from packaging.specifiers import SpecifierSet

    wanted = metadata.metadata("edgesmith")["Requires-Python"]
    version = platform.python_version()
    fits = SpecifierSet(wanted).contains(version, prereleases=True)
    told = f"{version} ({sys.executable})"
    hint = "" if fits else f"make an environment with a Python {wanted}"
    yield Finding("machine", "Python", "ok" if fits else "broken", told, hint)
    yield Finding("machine", "platform", "ok", f"{platform.platform()}, {os.cpu_count()} cores")
    yield _uv()


def _uv() -> Finding:
    import subprocess

    from edgesmith_flows.toolchains.build import uv

    try:
        done = subprocess.run([uv(), "--version"], capture_output=True, text=True, check=True, timeout=30)
    except (EdgesmithError, OSError, subprocess.SubprocessError) as error:
        return Finding("machine", "uv", "broken", str(error), "install uv: it builds toolchains")
    return Finding("machine", "uv", "ok", done.stdout.strip())


def packages() -> Iterator[Finding]:
    """Look at the distributions that edgesmith itself requires: their versions, and whether these fit."""
    from packaging.requirements import Requirement

    yield Finding("package", "edgesmith", "ok", metadata.version("edgesmith"))
    for text in metadata.requires("edgesmith") or ():
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            yield Finding("package", wanted.name, "broken", "not installed", f"install {str(wanted)!r}")
            continue
        fits = wanted.specifier.contains(version, prereleases=True)
        hint = "" if fits else f"install {str(wanted)!r}"
        yield Finding("package", wanted.name, "ok" if fits else "broken", version, hint)


def plugins(registry: Registry) -> Iterator[Finding]:
    """Look at the plugins: what each brings, and why some failed."""
    for plugin in registry.plugins:
        name = f"{plugin.name} ({plugin.origin})"
        if plugin.error:
            yield Finding("plugin", name, "broken", plugin.error, plugin.hint)
            continue
        tables = [one.partition(":")[0] for one in plugin.brings]
        brings = ", ".join(f"{tables.count(one)} {one.replace('_', ' ')}" for one in dict.fromkeys(tables))
        yield Finding("plugin", name, "note" if plugin.notes else "ok", "; ".join([brings, *plugin.notes]).strip("; "))


def toolchains(root: Path) -> Iterator[Finding]:
    """Look at the isolated environments, quickly; `edgesmith toolchain doctor` looks closer."""
    from edgesmith_flows.toolchains.environment import described
    from edgesmith_flows.toolchains.inventory import environments
    from edgesmith_flows.toolchains.record import interpreter

    count = 0
    for built in environments(root):
        count += 1
        if built.record is None:
            whole = interpreter(built.folder).exists()
            told = "another version of edgesmith built it" if whole else "its interpreter is gone"
            hint = f"`edgesmith toolchain rm {built.name[:12]}`; the next run that needs it builds it anew"
            yield Finding("toolchain", built.name[:12], "note" if whole else "broken", told, hint)
        else:
            yield Finding("toolchain", built.name[:12], "ok", described(built.record.toolchain))
    yield Finding("toolchain", "all", "ok", f"{count} in {root}")


def runtimes(registry: Registry, known: Toolchains) -> Iterator[Finding]:
    """Look at which runtimes can run here, and why the others can't."""
    for name, runtime in sorted(registry.runtimes.items()):
        kinds = ", ".join(kind.kind for kind in runtime.accepts)
        reason = why_unavailable(runtime)
        if reason is not None:
            yield Finding("runtime", name, "note", f"can't run {kinds} here: {reason}")
            continue
        found = known.find(runtime.toolchain())
        place = "in a toolchain that its first use builds"
        if found is not None:
            place = f"in the toolchain {found.name[:12]}" if found.isolated else "in this environment"
        yield Finding("runtime", name, "ok", f"runs {kinds} {place}")


def targets(registry: Registry) -> Iterator[Finding]:
    """Look at the targets: what each says that it is, or why it can't be used."""
    for name, target in sorted(registry.targets.items()):
        reason = why_unavailable(target)
        yield _identity(name, target) if reason is None else _unusable(name, reason)


def _unusable(name: str, reason: str, hint: str | None = None) -> Finding:
    return Finding("target", name, "note", f"can't be used: {reason}", hint or "")


def _identity(name: str, target: Any) -> Finding:
    try:
        made = make_target(target, {})
        if made.work_pool() is not None:
            return Finding("target", name, "ok", "the machine that answers from the work pool tells what it is")
        told = dict(made.identity())
    except EdgesmithError as error:
        return _unusable(name, error.message, error.hint)
    except Exception as error:  # a device may be away, a driver broken
        return _unusable(name, f"{type(error).__name__}: {error}")
    return Finding("target", name, "ok", ", ".join(f"{what} {value}" for what, value in told.items()))
