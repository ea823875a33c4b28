"""What all measures share: a temporary folder, a clean environment, the number of rounds."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engine.timing import Command, Sample

_ROOT = Path(__file__).parent.parent.parent
_DROPPED = ("EDGESMITH_", "PREFECT_", "PYTHON", "VIRTUAL_ENV", "DVC_", "KEDRO_")


@dataclass(frozen=True)
class Bench:
    """One session of measuring.

    Attributes:
        folder: where projects and stores are made; removed at the end.
        env: of every process that is measured: no telemetry, a home folder of its own, none of the caller's settings.
    """

    folder: Path
    env: Mapping[str, str]
    rounds: int

    def edgesmith(
        self, *arguments: str, folder: Path, env: Mapping[str, str] | None = None, proof: str = ""
    ) -> Command:
        """Return the command `edgesmith ARGUMENTS`, run in a project's folder."""
        script = str(Path(sys.executable).with_name("edgesmith"))
        return Command((script, *arguments), folder, {**self.env, **(env or {})}, proof)

    def probe(
        self, name: str, *arguments: object, folder: Path, env: Mapping[str, str] | None = None
    ) -> tuple[Sample, Any]:
        """Run a program of `benchmarks.engine.probes`; return its times and the JSON that it wrote."""
        result = self.folder / "probe.json"
        command = Command(
            (sys.executable, "-P", "-m", f"benchmarks.engine.probes.{name}", str(result), *map(str, arguments)),
            folder,
            {**self.env, "PYTHONPATH": str(_ROOT), **(env or {})},
        )
        sample, _ = command.output()
        return sample, json.loads(result.read_text(encoding="utf-8"))


@contextmanager
def open_bench(rounds: int) -> Iterator[Bench]:
    """Make the temporary folder, on the file system that TMPDIR names."""
    with tempfile.TemporaryDirectory(prefix="edgesmith-bench-") as folder:
        home = Path(folder, "home")
        home.mkdir()
        env = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
        env |= {
            "HOME": str(home),
            "DO_NOT_TRACK": "1",
            "DVC_NO_ANALYTICS": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            # What lies in the working folder of whoever starts the benchmark is none of its business.
            "PREFECT_HOME": str(home / "prefect"),
        }
        yield Bench(Path(folder), env, rounds)
