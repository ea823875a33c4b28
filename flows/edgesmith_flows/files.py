"""Files on disk: walking without following links, and writing so that a crash leaves nothing half-made."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def walk(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder that isn't a real folder."""
    for parent, folders, files in os.walk(folder, followlinks=False):
        yield from (Path(parent, name) for name in files)
        yield from (Path(parent, name) for name in folders if Path(parent, name).is_symlink())


def size_below(folder: Path) -> int:
    """Return the bytes of all files below a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for path in walk(folder):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue
    return total


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(file: Path, content: bytes, scratch: Path) -> None:
    """Write a file whole or not at all.

    Args:
        scratch: a folder on the same file system, for the file in the making.
    """
    descriptor, name = tempfile.mkstemp(dir=scratch)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
