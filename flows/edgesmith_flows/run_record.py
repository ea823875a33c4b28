"""The record of a run: all that people are told of it later, without its pipeline file, its plugins or this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from edgesmith_flows.outcome import NodeResult
from edgesmith_flows.plan import Plan
from edgesmith_flows.results import Summary


def run_record(plan: Plan, summary: Summary, begun: float, seconds: float) -> dict[str, Any]:
    """Return a run's record.

    Args:
        begun: when it began, as a time stamp.
        seconds: how long it took.
    """
    return {
        "pipeline": plan.pipeline.name,
        "description": plan.pipeline.description,
        "begun": round(begun, 3),
        "seconds": round(seconds, 3),
        "ok": summary.ok,
        "machine": machine(),
        "nodes": {name: _node(result) for name, result in summary.results.items()},
        "rows": [
            {"node": row.node, "format": row.format, "bytes": row.bytes, "status": row.status, **_figures(row.figures)}
            for row in summary.rows
        ],
        "gates": [{"gate": g.expression, "held": g.held, "detail": g.detail} for g in summary.gates],
        **({"gates_left_out": list(summary.left_out)} if summary.left_out else {}),
    }


def machine() -> dict[str, Any]:
    """Say what kind of machine this is: no name, no user, no path."""
    system = os.uname()
    python = ".".join(map(str, sys.version_info[:3]))
    return {"system": system.sysname, "release": system.release, "machine": system.machine, "python": python}


def _node(result: NodeResult) -> dict[str, Any]:
    node, action = result.node, result.action
    given = node.params.model_dump(mode="json", include=node.params.model_fields_set)
    return {
        "stage": node.stage.name,
        "state": result.state,
        "key": action.key if action else None,
        "outputs": dict(action.outputs) if action else {},
        "seconds": round(result.seconds, 3),
        "with": given,
        "needs": {port: [[need.node, need.port] for need in needs] for port, needs in node.needs.items() if needs},
        **({"through": list(action.through)} if action and action.through else {}),
        **({"provisional": list(action.provisional)} if action and action.provisional else {}),
        **({"error": str(result.error)} if result.error is not None else {}),
    }


def _figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured of a model, in a mapping of its own: a figure may have any name."""
    return {"figures": {name: value for name, value in figures.items() if name not in ("bytes", "status")}}
