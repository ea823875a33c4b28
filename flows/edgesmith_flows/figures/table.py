"""A small SQLite table of every run's figures, in the store.

It is an index: what it holds comes from the run records and the action cache, and whatever is missing is read in when
it is opened. Figures of runs whose records `edgesmith cache gc` took are here only, and are lost with it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgesmith.errors import UserError, unknown
from edgesmith_flows.figures.metric import Metric, Value, flatten
from edgesmith_flows.history import Run, read_run
from edgesmith_flows.store import Store

_FORMAT = 1
_WAIT_SECONDS = 30.0
_SCHEMA = """
create table if not exists runs (run text primary key, pipeline text not null, begun real not null);
create table if not exists nodes (
    run text not null, node text not null, state text, key text, outputs text not null, primary key (run, node));
create table if not exists figures (
    run text not null, node text not null, figure text not null, of text not null, value,
    primary key (run, node, figure, of));
create table if not exists keys (key text primary key, document text not null);
create index if not exists by_figure on figures (node, figure, of);
"""


@dataclass(frozen=True)
class Point:
    """One run's value of a figure; None where the run has none."""

    run: str
    pipeline: str
    begun: float
    value: Value | None


@dataclass(frozen=True)
class RunFigures:
    """All that the table knows of a run.

    Attributes:
        keys: by node, its key; nodes that were not made have none.
        outputs: by node, artifact digests by output port.
    """

    run: str
    pipeline: str
    begun: float
    keys: Mapping[str, str]
    outputs: Mapping[str, Mapping[str, str]]
    figures: Mapping[Metric, Value] = field(default_factory=dict)


class FigureTable:
    """The table of one store; opened by many processes at once. Use it as a context manager."""

    def __init__(self, store: Store) -> None:
        self._store = store
        file = store.root / "figures.sqlite"
        with store.guarded():
            try:
                self._database = _open(file)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise UserError(f"{file} can't be opened: {error}", hint="is the store writable?") from error
                # An index that is damaged or of another format is made anew; what records no longer tell lies in it.
                aside = store.root / "damaged" / f"figures-{time.time_ns()}.sqlite"
                aside.parent.mkdir(exist_ok=True)
                for suffix in ("", "-wal", "-shm"):
                    with contextlib.suppress(FileNotFoundError):
                        file.with_name(file.name + suffix).rename(aside.with_name(aside.name + suffix))
                self._database = _open(file)
        try:
            self.refresh()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> FigureTable:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def refresh(self) -> int:
        """Read in the run records that the table lacks; return how many there were."""
        known = {row[0] for row in self._database.execute("select run from runs")}
        files = sorted((self._store.root / "runs").glob("*.json"))
        new = [run for run in map(read_run, (file for file in files if file.stem not in known)) if run is not None]
        for run in new:
            self._add(run)
        return len(new)

    def check_pipeline(self, pipeline: str | None) -> None:
        """Raise UserError with the nearest name where runs are asked for of a pipeline that has none."""
        if pipeline is None:
            return
        known = [row[0] for row in self._database.execute("select distinct pipeline from runs")]
        if known and pipeline not in known:
            raise UserError(
                unknown("pipeline", pipeline, known), hint="these are the pipelines that the store has runs of"
            )

    def metrics(self, pipeline: str | None = None) -> list[Metric]:
        """Return all figures' names, of one pipeline or of all, in order."""
        rows = self._database.execute(
            "select distinct node, figure, of from figures join runs using (run) "
            "where ?1 is null or pipeline = ?1 order by 1, 2, 3",
            (pipeline,),
        )
        return [Metric(*row) for row in rows]

    def points(self, metric: Metric, pipeline: str | None = None) -> list[Point]:
        """Return a figure over the runs that have it, oldest first."""
        rows = self._database.execute(
            "select run, pipeline, begun, value from figures join runs using (run) "
            "where node = ?1 and figure = ?2 and of = ?3 and (?4 is null or pipeline = ?4) order by begun, run",
            (*metric, pipeline),
        )
        return [Point(*row) for row in rows]

    def run(self, name: str) -> RunFigures:
        """Return one run by its record's name.

        Raises:
            KeyError: the table has no such run.
        """
        head = self._database.execute("select pipeline, begun from runs where run = ?", (name,)).fetchone()
        if head is None:
            raise KeyError(name)
        nodes = self._database.execute("select node, key, outputs from nodes where run = ?", (name,)).fetchall()
        rows = self._database.execute("select node, figure, of, value from figures where run = ?", (name,))
        return RunFigures(
            name,
            head[0],
            head[1],
            {node: key for node, key, _ in nodes if key},
            {node: json.loads(outputs) for node, _, outputs in nodes},
            {Metric(node, figure, of): value for node, figure, of, value in rows},
        )

    def names(self, pipeline: str | None = None) -> list[str]:
        """Return the runs' names, newest first."""
        rows = self._database.execute(
            "select run from runs where ?1 is null or pipeline = ?1 order by begun desc, run desc", (pipeline,)
        )
        return [row[0] for row in rows]

    def document(self, key: str) -> dict[str, Any] | None:
        """Return a key's document, also of one that the store no longer has."""
        row = self._database.execute("select document from keys where key = ?", (key,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def _add(self, run: Run) -> None:
        """Add a run in one transaction; one that another process added meanwhile stays as it is."""
        figures: list[tuple[str, str, str, str, Value]] = []
        documents: dict[str, str] = {}
        for node, entry in run.nodes.items():
            action = self._store.recorded(entry["key"]) if entry.get("key") else None
            if action is None:
                continue
            documents[action.key] = json.dumps(action.document, sort_keys=True)
            figures += [(run.name, *metric, value) for metric, value in flatten(node, action.figures, needs_of(entry))]
        nodes = [
            (run.name, node, entry.get("state"), entry.get("key"), json.dumps(entry.get("outputs") or {}))
            for node, entry in run.nodes.items()
        ]
        with self._store.guarded(), self._database as database:
            database.execute("begin immediate")
            database.execute("insert or ignore into runs values (?, ?, ?)", (run.name, run.pipeline, run.begun))
            database.executemany("insert or ignore into nodes values (?, ?, ?, ?, ?)", nodes)
            database.executemany("insert or ignore into figures values (?, ?, ?, ?, ?)", figures)
            database.executemany("insert or ignore into keys values (?, ?)", documents.items())


def needs_of(entry: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return, by input port, the nodes that a node of a run record was connected to."""
    needs = entry.get("needs")
    return (
        {port: [str(pair[0]) for pair in pairs] for port, pairs in needs.items()} if isinstance(needs, Mapping) else {}
    )


def note_run(store: Store) -> None:
    """Take the newest runs into the table; a table that can't be written is filled by the next who reads it."""
    with contextlib.suppress(UserError, sqlite3.Error, OSError), FigureTable(store):
        pass


def _open(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=_WAIT_SECONDS, isolation_level=None)
    try:
        database.execute("pragma journal_mode=wal")
        database.execute("pragma synchronous=normal")
        version = database.execute("pragma user_version").fetchone()[0]
        if version not in (0, _FORMAT):
            raise sqlite3.DatabaseError(f"format {version}")
        if version == 0:
            database.executescript(_SCHEMA)
            database.execute(f"pragma user_version={_FORMAT}")
        # Opening reads the first page alone; damage to another one would end in the midst of a night.
        found = database.execute("pragma quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    except BaseException:
        database.close()
        raise
    return database
