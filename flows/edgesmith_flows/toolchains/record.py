"""What is known of a built environment: `toolchain.json` in its folder.

The file is also the environment's lease (whoever uses the environment holds a shared lock on it) and, by its
modification time, the note of its last use.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgesmith.stage import Toolchain

RECORD = "toolchain.json"


@dataclass(frozen=True)
class Record:
    """A built environment.

    Attributes:
        toolchain: what it was built for.
        versions: the resolved version of each distribution that the toolchain names; these go into keys.
        freeze: the version of everything in it, by distribution.
        python: the interpreter's version.
        platform: e.g. `linux-x86_64`.
        contract: `edgesmith.CONTRACT` when it was built.
        seconds: how long that took.
    """

    toolchain: Toolchain
    versions: Mapping[str, str]
    freeze: Mapping[str, str]
    python: str
    platform: str
    contract: int
    seconds: float

    def write(self, folder: Path) -> None:
        """Write the record into an environment's folder."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"
        (folder / RECORD).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Record | None:
        """Read an environment's record; None if there is none, or if its interpreter is gone: it must be built."""
        try:
            told: Any = json.loads((folder / RECORD).read_bytes())
            wanted: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in told.pop("toolchain").items()}
            found = cls(Toolchain(**wanted), **told)
            if not isinstance(found.versions, dict) or not isinstance(found.freeze, dict):
                return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return found if interpreter(folder).exists() else None


class Use:
    """A hold on an environment: while it lasts, `toolchain rm` leaves the environment alone."""

    def __init__(self, folder: Path, descriptor: int, record: Record) -> None:
        self.folder = folder
        self.record = record
        self._descriptor = descriptor

    @classmethod
    def of(cls, folder: Path) -> Use | None:
        """Take hold of an environment and note its use; None if it must be built (again)."""
        descriptor = _opened(folder)
        if descriptor is None:
            return None
        record = None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if _is_there(folder, descriptor):
                with contextlib.suppress(PermissionError):  # someone else's, shared
                    os.utime(descriptor)
                record = Record.read(folder)
        finally:
            if record is None:
                os.close(descriptor)
        return None if record is None else cls(folder, descriptor, record)

    def end(self) -> None:
        """Let go."""
        os.close(self._descriptor)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Keep others from an environment; yield False at once if somebody uses it."""
    descriptor = _opened(folder)
    if descriptor is None:
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def interpreter(folder: Path) -> Path:
    """Return the place of an environment's Python."""
    return folder / "bin" / "python"


def idle_days(folder: Path) -> float | None:
    """Return the days since an environment's last use; None if it has no record."""
    try:
        return max(0.0, time.time() - (folder / RECORD).stat().st_mtime) / 86400
    except OSError:
        return None


def _opened(folder: Path) -> int | None:
    try:
        return os.open(folder / RECORD, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _is_there(folder: Path, descriptor: int) -> bool:
    """Tell whether an open record is still the one in the folder: it was removed, perhaps, while we waited for it."""
    try:
        return os.path.samestat(os.fstat(descriptor), (folder / RECORD).stat())
    except OSError:
        return False
