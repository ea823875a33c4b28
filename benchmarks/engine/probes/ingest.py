"""Hash or publish a large file: RESULT hash FILE, or RESULT publish FILE STORE. The file is moved into the store."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from pathlib import Path

from edgesmith.artifacts import Report
from edgesmith_flows.store import Store


def hash_alone(file: Path) -> dict[str, float]:
    """Return the seconds that SHA-256 takes."""
    begun = time.perf_counter()
    with file.open("rb") as stream:
        hashlib.file_digest(stream, "sha256")
    return {"seconds": time.perf_counter() - begun}


def publish(file: Path, root: Path) -> dict[str, float]:
    """Return the seconds that `Store.publish` takes, and how many MiB this process grew by."""
    store = Store.open(root)
    with store.workspace() as workspace:
        folder = workspace / "report"
        folder.mkdir()
        file.rename(folder / file.name)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.perf_counter()
        store.publish(folder, Report)
        seconds = time.perf_counter() - begun
        return {"seconds": seconds, "grown": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def main() -> None:
    """Measure."""
    result, what, *paths = sys.argv[1:]
    told = hash_alone(Path(paths[0])) if what == "hash" else publish(Path(paths[0]), Path(paths[1]))
    Path(result).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
