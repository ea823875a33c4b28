"""The records of past runs and nights: which key and outputs each node had, and which runs a night held."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgesmith_flows.store import Store

_LOOK_BACK = 200
"""How many runs `LastKeys` goes back for a node that newer ones left out."""


@dataclass(frozen=True)
class Run:
    """One run's record.

    Attributes:
        name: of the record; names sort by time.
        nodes: by name, a mapping with the node's `state`, `key` and `outputs`.
        seconds: how long it took.
    """

    name: str
    pipeline: str
    begun: float
    nodes: Mapping[str, Mapping[str, Any]]
    seconds: float = 0.0

    @property
    def ended(self) -> float:
        """When it ended, as a time stamp."""
        return self.begun + self.seconds

    @property
    def keys(self) -> list[str]:
        """Keys of the nodes that it made or found, and of those of the pipelines that they ran."""
        made = [node for node in self.nodes.values() if node.get("key")]
        return [key for node in made for key in (node["key"], *node.get("through", ()))]


def runs(store: Store, pipeline: str | None = None) -> Iterator[Run]:
    """Yield runs, newest first; records that can't be read are left out."""
    pattern = f"*-{pipeline}.json" if pipeline else "*.json"
    for file in sorted((store.root / "runs").glob(pattern), reverse=True):
        run = read_run(file)
        if run is not None and pipeline in (None, run.pipeline):
            yield run


def read_run(file: Path) -> Run | None:
    """Return the run of a record's file, or None where it can't be read."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        nodes = {name: dict(entry) for name, entry in record["nodes"].items()}
        seconds = float(record.get("seconds", 0))
        return Run(file.stem, str(record["pipeline"]), float(record["begun"]), nodes, seconds)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True)
class NightRecord:
    """One night's record.

    Attributes:
        name: of the record; names sort by time.
        ended: when it ended, as a time stamp.
        runs: the names of the runs that it held against their baselines.
    """

    name: str
    nightly: str
    ended: float
    runs: tuple[str, ...]


def nights(store: Store) -> Iterator[NightRecord]:
    """Yield nights, newest first; records that can't be read are left out."""
    for file in sorted((store.root / "nights").glob("*.json"), reverse=True):
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            held = tuple(str(one["run"]) for one in record["pipelines"])
            ended = float(record["begun"]) + float(record["seconds"])
            yield NightRecord(file.stem, str(record["nightly"]), ended, held)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue


class LastKeys:
    """The key that each node of a pipeline had in the newest run that made or found it."""

    def __init__(self, store: Store, pipeline: str) -> None:
        self._runs = (run for run, _ in zip(runs(store, pipeline), range(_LOOK_BACK), strict=False))
        self._keys: dict[str, str] = {}

    def of(self, node: str) -> str | None:
        """Return a node's last key, reading no more records than that takes."""
        while node not in self._keys:
            run = next(self._runs, None)
            if run is None:
                return None
            for name, entry in run.nodes.items():
                if entry.get("key"):
                    self._keys.setdefault(name, entry["key"])
        return self._keys[node]
