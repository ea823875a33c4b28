"""What a report tells, gathered from the store: the run's record, and what its nodes' actions and reports hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgesmith.errors import UserError
from edgesmith.sections import Section, read_sections
from edgesmith_flows.history import runs
from edgesmith_flows.store import Store
from edgesmith_flows.tags import any_run

SCHEMA = 1
"""Version of the JSON document."""

LARGEST_REPORT = 32_000_000
"""Bytes of a `report.json` that are still read."""


@dataclass(frozen=True)
class Gate:
    """A condition of the pipeline's, whether it held, and on which figures."""

    gate: str
    held: bool
    detail: str


@dataclass(frozen=True)
class Row:
    """A model: the node that gave it, its size in bytes, and all that was measured of it."""

    node: str
    format: str
    bytes: int | None
    status: str
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class NodeFacts:
    """A node of the run.

    Attributes:
        seconds: how long its stage took, in this run or, if it was cached, when it was made.
        given: the params that the pipeline sets.
        needs: by input port, the names of the nodes connected there.
        document: of its key.
        figures: as the stage returned them, sections left out.
    """

    name: str
    stage: str
    state: str
    seconds: float
    key: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, list[str]] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def upstream(self) -> list[str]:
        """Names of the nodes it needs, each once."""
        return list(dict.fromkeys(name for names in self.needs.values() for name in names))


@dataclass(frozen=True)
class Contribution:
    """A section that a node gave; `folder` holds the files that it names, if it may name any."""

    node: NodeFacts
    section: Section
    folder: Path | None = None


@dataclass(frozen=True)
class Facts:
    """Everything a report tells of a run.

    Attributes:
        run: the name of its record.
        begun: as a time stamp, in seconds.
        notes: what could not be read, or is missing.
        left_out: gates that were not evaluated, as they mention nodes that `--only` leaves out.
    """

    run: str
    pipeline: str
    description: str
    begun: float
    seconds: float
    machine: Mapping[str, Any]
    gates: list[Gate]
    rows: list[Row]
    nodes: Mapping[str, NodeFacts]
    contributions: list[Contribution]
    notes: list[str]
    left_out: list[str] = field(default_factory=list)

    @property
    def failed_nodes(self) -> list[NodeFacts]:
        """Nodes that were to give something and didn't."""
        return [node for node in self.nodes.values() if node.state in ("failed", "cancelled")]

    @property
    def ok(self) -> bool:
        """Whether every node was made and every gate held."""
        return not self.failed_nodes and all(gate.held for gate in self.gates)

    def document(self) -> dict[str, Any]:
        """Return everything as JSON."""
        sections = [
            {"node": one.node.name, **one.section.model_dump(mode="json", exclude_none=True)}
            for one in self.contributions
        ]
        return {
            "schema": SCHEMA,
            "run": self.run,
            "pipeline": self.pipeline,
            "description": self.description,
            "begun": self.begun,
            "seconds": self.seconds,
            "ok": self.ok,
            "machine": dict(self.machine),
            "gates": [asdict(gate) for gate in self.gates],
            "gates_left_out": list(self.left_out),
            "rows": [asdict(row) for row in self.rows],
            "nodes": {name: asdict(node) for name, node in self.nodes.items()},
            "sections": sections,
            "notes": list(self.notes),
        }


def find_run(store: Store, name: str | None) -> str:
    """Return the name of a run's record.

    Args:
        name: a pipeline, whose newest run is meant (even where a baseline has its name), or what `any_run` knows; None
            for the newest run of all.

    Raises:
        UserError: there is none.
    """
    run = next(runs(store, name), None)
    if run is None and name is None:
        raise UserError(f"the store {store.root} knows no run", hint="`edgesmith run PIPELINE` makes one")
    return run.name if run is not None else any_run(store, name or "").name


def gather(store: Store, run: str) -> Facts:
    """Gather what the store holds of a run.

    Raises:
        UserError: the run's record can't be read.
    """
    file = store.root / "runs" / f"{run}.json"
    try:
        return facts_of(store, run, json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the record {file} can't be read: {error}", hint="run the pipeline again") from error


def facts_of(store: Store, run: str, record: Mapping[str, Any]) -> Facts:
    """Gather what the store holds of a run.

    Args:
        run: the name of its record.
        record: see `edgesmith_flows.run_record`.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is no run's record.
    """
    nodes = {name: _node(store, name, entry) for name, entry in record["nodes"].items()}
    rows = [
        Row(one["node"], one["format"], one["bytes"], one["status"], dict(one["figures"]))
        for one in record.get("rows", ())
    ]
    gates = [Gate(one["gate"], bool(one["held"]), one["detail"]) for one in record["gates"]]
    notes: list[str] = []
    if "rows" not in record:
        notes.append("an earlier edgesmith made this run: it kept neither the table nor the connections of the nodes")
    return Facts(
        run,
        str(record["pipeline"]),
        str(record.get("description", "")),
        float(record["begun"]),
        float(record["seconds"]),
        dict(record.get("machine", {})),
        gates,
        rows,
        nodes,
        list(_contributions(store, nodes, notes)),
        notes,
        [str(gate) for gate in record.get("gates_left_out", ())],
    )


def _node(store: Store, name: str, entry: Mapping[str, Any]) -> NodeFacts:
    key = _digest(entry.get("key"))
    action = store.recorded(key) if key else None
    seconds = float(entry.get("seconds", 0))
    if action is not None and entry["state"] == "cached":
        seconds = action.seconds
    figures = {} if action is None else {name: value for name, value in action.figures.items() if name != "sections"}
    document = {} if action is None else action.document
    return NodeFacts(
        name,
        str(entry.get("stage") or document.get("stage", "?")),
        str(entry["state"]),
        seconds,
        key,
        {port: found for port, one in entry.get("outputs", {}).items() if (found := _digest(one))},
        dict(entry.get("with", {})),
        {port: [str(need[0]) for need in needs] for port, needs in entry.get("needs", {}).items()},
        document,
        figures,
        str(entry.get("error", "")),
    )


def _digest(value: Any) -> str | None:
    """Return a key or digest, None for what is none: it becomes a part of paths."""
    return value if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) else None


def _contributions(store: Store, nodes: Mapping[str, NodeFacts], notes: list[str]) -> Iterator[Contribution]:
    """Yield the sections of all nodes, and note what is wrong with the others."""
    for node in nodes.values():
        action = store.recorded(node.key) if node.key else None
        if action is None:
            if node.key:
                notes.append(f"{node.name}: its result is no longer in the store")
            continue
        listed = [(action.figures.get("sections"), None), *_reports(store, node, notes)]
        for sections, folder in listed:
            if sections is None:
                continue
            found, problems = read_sections(sections)
            notes += [f"{node.name}: {problem}" for problem in problems]
            for section in found:
                yield Contribution(node, section, folder)


def _reports(store: Store, node: NodeFacts, notes: list[str]) -> Iterator[tuple[Any, Path]]:
    """Yield what the reports among a node's outputs list as sections, and their folders."""
    for port, digest in node.outputs.items():
        folder = store.artifact_folder(digest) / "files"
        file = folder / "report.json"
        try:
            if store.manifest(digest)["kind"] != "report":
                continue
            if file.stat().st_size > LARGEST_REPORT:
                raise ValueError(f"it is larger than {LARGEST_REPORT:,} bytes")
            report = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError) as error:
            what = "is no longer in the store" if isinstance(error, FileNotFoundError) else f"can't be read: {error}"
            notes.append(f"{node.name}.{port} {what}")
            continue
        if isinstance(report, dict):
            yield report.get("sections"), folder
