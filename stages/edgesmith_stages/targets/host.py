"""The `host` target: the machine that the pipeline runs on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgesmith import Launch, Model, ModelProcess, Target


class Host(Target):
    """This machine: each model in a fresh process of its runtime."""

    name, version = "host", "1"

    def identity(self) -> Mapping[str, Any]:
        """Return processor, cores, memory (GiB, rounded) and system; no host name."""
        return {
            "processor": processor(),
            "cores": os.cpu_count() or 1,
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "system": f"{system()} {platform.machine()}",
        }

    def open(self, launch: Launch, model: Model, threads: int) -> ModelProcess:
        """Load a model here."""
        return ModelProcess(launch, model, threads)


def processor() -> str:
    """Return the processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return _brand() or platform.processor() or platform.machine()


def system() -> str:
    """Return the system's name; of macOS with its version, as Core ML is a part of it."""
    return f"macOS {platform.mac_ver()[0]}" if sys.platform == "darwin" else platform.system()


def _brand() -> str:
    """Return the processor's name on macOS: `Apple M2 Pro`."""
    if sys.platform != "darwin":
        return ""
    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.strip()
