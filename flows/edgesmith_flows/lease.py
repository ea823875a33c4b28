"""Leases: what a running pipeline uses, so that `cache gc` leaves it alone.

A lease is a file that its owner keeps locked; the kernel gives the lock back when the owner dies, however it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path


class Gate:
    """Lets many runs look things up at once, or one collection remove things; also within one thread again."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._held = threading.local()

    @contextlib.contextmanager
    def hold(self, *, alone: bool = False, wait: bool = True) -> Iterator[bool]:
        """Hold the gate, shared or alone; yield whether it was got (always so where `wait`)."""
        if getattr(self._held, "depth", 0):
            self._held.depth += 1
            try:
                yield True
            finally:
                self._held.depth -= 1
            return
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            self._held.depth = 1
            try:
                yield True
            finally:
                self._held.depth = 0
        finally:
            os.close(descriptor)


_SINCE = "since "


class Lease:
    """When one run began, and what it uses: keys and artifact digests, a line each."""

    def __init__(self, folder: Path) -> None:
        """Take a lease; call it while the store's gate is held."""
        self.name = uuid.uuid4().hex
        self._file = folder / self.name
        self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        os.write(self._descriptor, f"{_SINCE}{time.time()}\n".encode())

    def keep(self, names: Iterable[str]) -> None:
        """Note keys or digests; call it while the store's gate is held."""
        os.write(self._descriptor, "".join(f"{name}\n" for name in names).encode())

    def end(self) -> None:
        """Give the lease back."""
        self._file.unlink(missing_ok=True)
        os.close(self._descriptor)


def leased(folder: Path) -> set[str]:
    """Return the keys and digests that live leases name."""
    lines = {line for file in folder.iterdir() if _alive(file) for line in _lines(file)}
    return {line for line in lines if not line.startswith(_SINCE)}


def oldest(folder: Path, now: float) -> float:
    """Return when the oldest live lease was taken, as a time stamp; `now` where there is none."""
    return min((_since(file) for file in folder.iterdir() if _alive(file)), default=now)


def _since(file: Path) -> float:
    try:
        return float(_lines(file)[0].removeprefix(_SINCE))
    except (IndexError, ValueError):
        return 0.0  # another version's: nothing is known to be older


def census(folder: Path) -> tuple[int, int]:
    """Return how many leases are held, and how many are left of dead runs."""
    alive = [_alive(file) for file in folder.iterdir()] if folder.is_dir() else []
    return alive.count(True), alive.count(False)


def sweep(folder: Path, workspaces: Path) -> None:
    """Remove the leases of dead runs, and what they were writing; call it while the gate is held alone."""
    for file in folder.iterdir():
        if not _alive(file):
            shutil.rmtree(workspaces / file.name, ignore_errors=True)
            file.unlink(missing_ok=True)


def _alive(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
