"""How a process ended: its signal, its peak memory, and whether the system's out-of-memory killer took it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_SIGNALS = {"SIGSEGV": " (a crash in native code)", "SIGBUS": " (a crash in native code)", "SIGABRT": " (it aborted)"}


@dataclass(frozen=True)
class Death:
    """How a process ended.

    Attributes:
        code: exit code, or minus the signal's number.
        peak_bytes: its largest resident memory, where that is known: where it is more than its parent's.
        starved: the out-of-memory killer struck while it lived, and it was killed.
    """

    code: int
    peak_bytes: int | None = None
    starved: bool = False

    def __str__(self) -> str:
        peak = f", with a peak of {_size(self.peak_bytes)} of memory" if self.peak_bytes else ""
        if self.starved:
            return f"the system's out-of-memory killer took it{peak}"
        if self.code >= 0:
            return f"exit code {self.code}"
        try:
            name = signal.Signals(-self.code).name
        except ValueError:
            name = f"signal {-self.code}"
        return f"{name}{_SIGNALS.get(name, '')}{peak if name == 'SIGKILL' else ''}"

    @property
    def hint(self) -> str | None:
        """What to do about it."""
        if self.starved:
            return "use a smaller batch or image size, or more memory; the next run goes on from here"
        if self.code == -signal.SIGKILL:
            return "something killed it from outside; the next run goes on from here"
        if self.code in (-signal.SIGSEGV, -signal.SIGBUS):
            return "native code crashed; other settings of this stage (batch size, memory format, precision) may not"
        return None


class Watch:
    """Made when a process starts, asked when it has ended."""

    def __init__(self) -> None:
        self._kills = _oom_kills()
        # Until the program takes its place, a child counts its parent's memory as its own.
        self._floor = _own_peak()

    def death(self, process: subprocess.Popen[bytes]) -> Death:
        """Wait for the end of a process and say how it came."""
        peak = None
        try:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            peak = _peak(usage) if _peak(usage) > self._floor else None
        except ChildProcessError:  # somebody else waited for it
            process.wait()
        starved = process.returncode == -signal.SIGKILL and _oom_kills() > self._kills
        return Death(process.returncode, peak, starved)


def _peak(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _own_peak() -> int:
    """Return the largest resident memory of this process since its program started."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return _peak(resource.getrusage(resource.RUSAGE_SELF))


def _oom_kills() -> int:
    """Return how often the kernel's out-of-memory killer has struck since boot, in this system or container."""
    try:
        text = Path("/proc/vmstat").read_text(encoding="ascii")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))


def _size(number: int) -> str:
    return f"{number / 2**30:.1f} GiB" if number >= 2**30 else f"{number / 2**20:.0f} MiB"
