"""What came of a run: figures by node, the results table, the gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgesmith.artifacts import Model
from edgesmith_flows.gates import GateResult, evaluate_gates, gate_nodes
from edgesmith_flows.outcome import NodeResult
from edgesmith_flows.per_input import per_input
from edgesmith_flows.pipeline import Node
from edgesmith_flows.plan import Plan
from edgesmith_flows.store import Store

KNOWN_COLUMNS: Mapping[str, tuple[str, str]] = {
    "top1": ("top-1", ".4f"),
    "agreement": ("agreement", ".4f"),
    "sqnr_db": ("SQNR dB", ".1f"),
    "median_ms": ("median ms", ".2f"),
    "p90_ms": ("p90 ms", ".2f"),
    "p95_ms": ("p95 ms", ".2f"),
    "p99_ms": ("p99 ms", ".2f"),
    "throughput": ("images/s", ".0f"),
    "speedup": ("speed-up", ".2f"),
    "peak_mb": ("peak MB", ".0f"),
}
"""Figures that the table shows, with their headings and formats, in order."""


@dataclass(frozen=True)
class Row:
    """One line of the results table: a node that gives a model."""

    node: str
    format: str
    bytes: int | None
    figures: Mapping[str, Any]
    status: str


@dataclass
class Summary:
    """The outcome of a run.

    Attributes:
        left_out: gates that were not evaluated, as they mention nodes that `--only` leaves out.
    """

    results: Mapping[str, NodeResult]
    rows: list[Row] = field(default_factory=list)
    gates: list[GateResult] = field(default_factory=list)
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every node was made and every gate held."""
        return not self.failures()

    def failures(self) -> list[str]:
        """Return one line for each failed node and each gate that didn't hold."""
        nodes = [
            f"node {name}: {result.error.message if result.error else result.state}"
            for name, result in self.results.items()
            if result.state in ("failed", "cancelled")
        ]
        return nodes + [f"gate {g.expression}: {g.detail}" for g in self.gates if not g.held]

    @property
    def _shown(self) -> list[str]:
        return [name for name in KNOWN_COLUMNS if any(name in row.figures for row in self.rows)]

    @property
    def columns(self) -> list[str]:
        """Headings of the table; figures that no row has are left out."""
        return ["node", "format", "bytes", *(KNOWN_COLUMNS[name][0] for name in self._shown), "status"]

    def cells(self) -> list[list[str]]:
        """Return the table's body as texts, fitting `columns`."""
        shown, body = self._shown, []
        for row in self.rows:
            values = [_cell(row.figures.get(name), KNOWN_COLUMNS[name][1]) for name in shown]
            size = f"{row.bytes:,}" if row.bytes is not None else "-"
            body.append([row.node, row.format, size, *values, row.status])
        return body


def _cell(value: Any, form: str) -> str:
    return format(value, form) if isinstance(value, (int, float)) else "-"


def node_figures(node: Node, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node's figures as gates see them: those given per input are keyed by the input node's name."""
    given = per_input(node, figures)
    own = {name: value for name, value in figures.items() if name not in given}
    keyed: dict[str, dict[str, Any]] = {}
    for rows in given.values():
        for need, row in rows:
            for name, value in row.items():
                keyed.setdefault(name, {})[need] = value
    return {**keyed, **own}


def summarise(plan: Plan, results: Mapping[str, NodeResult], store: Store) -> Summary:
    """Gather figures, rows and gates from the results of a run."""
    figures: dict[str, dict[str, Any]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for name, result in results.items():
        if result.action is None:
            continue
        node = result.node
        figures[name] = node_figures(node, result.action.figures)
        for given in per_input(node, result.action.figures).values():
            for need, row in given:
                rows.setdefault(need, {}).update(row)
    ordered = [name for name in plan.steps if name in results and _gives_model(results[name].node)]
    bases = {node.base for node in plan.pipeline.nodes.values()} - {step.node.base for step in plan.steps.values()}
    left_out = [gate for gate in plan.pipeline.gates if gate_nodes(gate, bases)]
    gates = [gate for gate in plan.pipeline.gates if gate not in left_out]
    return Summary(
        results,
        [_row(results[name], rows.get(name, {}), store) for name in ordered],
        evaluate_gates(tuple(gates), by_gate_name(figures)),
        figures,
        left_out,
    )


def _gives_model(node: Node) -> bool:
    return any(issubclass(kind, Model) for kind in node.output_kinds.values())


def _row(result: NodeResult, measured: Mapping[str, Any], store: Store) -> Row:
    port, kind = next((p, k) for p, k in result.node.output_kinds.items() if issubclass(k, Model))
    if result.action is None:
        return Row(result.node.name, kind.kind, None, {}, result.state)
    try:
        files = store.manifest(result.action.outputs[port])["files"]
    except OSError:  # somebody removed it in mid-run
        return Row(result.node.name, kind.kind, None, measured, "its artifact is gone")
    size = sum(entry[1] for name, entry in files.items() if name.split("/")[0] == kind.main)
    return Row(result.node.name, kind.kind, size, measured, str(measured.get("status", "ok")))


def by_gate_name(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return figures by the names that gates use.

    `-` in a node's name is written `_`; a combination of a matrix is `node["value"]`.
    """
    named: dict[str, Mapping[str, Any]] = dict(figures)
    combinations: dict[str, dict[str, Any]] = {}
    for name, value in figures.items():
        base, at, combination = name.partition("@")
        if at:
            combinations.setdefault(base, {})[combination] = value
    named.update(combinations)
    return {**{name.replace("-", "_"): value for name, value in named.items()}, **named}
