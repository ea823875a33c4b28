"""Remember file digests while the file's stat is unchanged, so that a large dataset is hashed once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20
_TICK_NS = 100_000_000
"""A file changed this recently may change again within one tick of the file system's clock, and keep its stat."""


def hash_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, in hex, reading it block by block."""
    total = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - called per file of a dataset
        while block := file.read(_BLOCK):
            total.update(block)
    return total.hexdigest()


class Memo:
    """Facts about files, keyed by path, size, inode, mtime and ctime in nanoseconds.

    The ctime can't be set by a program, so an in-place edit whose mtime was put back is still seen. A memo that can't
    be opened or written only costs time.
    """

    def __init__(self, file: Path) -> None:
        self._facts: dict[tuple[str, str], tuple[str, str]] = {}
        self._new: dict[tuple[str, str], tuple[str, str]] = {}
        self._file = file
        with contextlib.suppress(sqlite3.Error, OSError):
            if file.exists():
                with contextlib.closing(sqlite3.connect(file, timeout=5)) as database:
                    rows = database.execute("select path, what, stat, fact from facts")
                    self._facts = {(path, what): (stat, fact) for path, what, stat, fact in rows}

    @staticmethod
    def _stat(path: str) -> str:
        s = os.stat(path)  # noqa: PTH116 - one per file of a dataset
        return f"{s.st_size}:{s.st_ino}:{s.st_mtime_ns}:{s.st_ctime_ns}"

    def digest(self, path: Path) -> str:
        """Return a file's content digest, reading it only if its stat changed."""
        return str(self.fact(path, "sha256", lambda: hash_file(path)))

    def fact(self, path: Path, what: str, find: Any) -> Any:
        """Return a JSON value that depends on a file's content only, finding it anew if the file's stat changed."""
        name = os.path.abspath(path)  # noqa: PTH100 - not resolve(): a link is a place of its own
        stat = self._stat(name)
        known = self._facts.get((name, what))
        if known is not None and known[0] == stat:
            return json.loads(known[1])
        young = time.time_ns() - _changed(stat) < _TICK_NS
        value = find()
        if not young:
            self._facts[name, what] = self._new[name, what] = (stat, json.dumps(value))
        return value

    def save(self) -> None:
        """Write what is new."""
        if not self._new:
            return
        rows = [(path, what, stat, fact) for (path, what), (stat, fact) in self._new.items()]
        with (
            contextlib.suppress(sqlite3.Error, OSError),
            contextlib.closing(sqlite3.connect(self._file, timeout=5)) as database,
            database,
        ):
            database.execute("pragma journal_mode=wal")
            database.execute(
                "create table if not exists facts "
                "(path text, what text, stat text, fact text, primary key (path, what))"
            )
            database.executemany("insert or replace into facts values (?, ?, ?, ?)", rows)
        self._new.clear()


def _changed(stat: str) -> int:
    return int(stat.rpartition(":")[2])
