"""The isolated environments on this machine: their sizes, their users, and taking them away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from edgesmith.errors import UserError, unknown
from edgesmith_flows.toolchains.build import discard, lock_of, sweep
from edgesmith_flows.toolchains.record import Record, alone, idle_days


@dataclass(frozen=True)
class Built:
    """One isolated environment.

    Attributes:
        record: what it was built for; None if it is damaged, or was built by another version of edgesmith.
        idle_days: days since its last use; None if unknown.
    """

    folder: Path
    record: Record | None
    idle_days: float | None

    @property
    def name(self) -> str:
        """Its key."""
        return self.folder.name


def environments(root: Path) -> Iterator[Built]:
    """Yield the environments below `root`, by name."""
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir() and not folder.name.startswith("."):
            yield Built(folder, Record.read(folder), idle_days(folder))


def named(root: Path, name: str) -> Built:
    """Return the environment whose name starts with `name`; raise UserError unless there is exactly one."""
    known = {one.name: one for one in environments(root)}
    found = [one for key, one in known.items() if name and key.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{len(found)} toolchains start with {name!r}: {', '.join(one.name for one in found)}")
    raise UserError(unknown("toolchain", name, known), hint="`edgesmith toolchain ls` lists them")


def own_bytes(folder: Path) -> int:
    """Return the disk that only this folder takes: files with hard links elsewhere (uv's cache) count nothing."""
    total = 0
    for parent, _, files in os.walk(folder):
        for place in (parent, *(os.path.join(parent, name) for name in files)):  # noqa: PTH118 - a hundred thousand
            try:
                status = os.lstat(place)
            except FileNotFoundError:
                continue
            if place == parent or status.st_nlink == 1:
                total += status.st_blocks * 512
    return total


def remove(built: Built) -> str | None:
    """Remove an environment; return why it can't be, or None."""
    try:
        with lock_of(built.folder, wait=False), alone(built.folder) as free:
            if not free:
                return "a running pipeline uses it"
            discard(built.folder)
    except Timeout:
        return "it is being built"
    sweep(built.folder.parent)
    return None
