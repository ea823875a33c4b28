"""Comparisons of two models, layer by layer, that `edgesmith diff --json` wrote, as sections of a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgesmith.errors import UserError
from edgesmith.sections import MOST_POINTS, Layers
from edgesmith_flows.report.facts import Contribution, Facts, NodeFacts

LARGEST = 32_000_000
"""Bytes of a comparison that is still read."""


def with_diff(facts: Facts, file: Path) -> Facts:
    """Return the facts with a comparison among the sections.

    Raises:
        UserError: the file can't be read, or is no comparison.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise ValueError(f"it is larger than {LARGEST:,} bytes")
        section = _section(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        hint = "write it with `edgesmith diff A B --json > FILE`"
        raise UserError(f"{file} is no comparison: {error}", hint=hint) from error
    node = NodeFacts("diff", "diff", "done", 0.0)
    return replace(facts, contributions=[*facts.contributions, Contribution(node, section)])


def _section(document: Mapping[str, Any]) -> Layers:
    matched = [row for row in document["layers"] if row["sqnr_db"] is not None][:MOST_POINTS]
    a, b, output = document["a"], document["b"], document["output"]
    note = (
        f"{document['matched']} layers matched on {document['images']} images, {a['runtime']} and {b['runtime']}; "
        f"output {float(output['sqnr_db']):.1f} dB, agreement {float(output['agreement']):.4f}"
    )
    return Layers(
        title=f"{b['model']} against {a['model']}"[:400],
        note=note[:400],
        unit="SQNR dB",
        layers=tuple(_name(row)[:400] for row in matched),
        values={"SQNR": tuple(float(row["sqnr_db"]) for row in matched)},
        bar=document["bar_db"],
    )


def _name(row: Mapping[str, Any]) -> str:
    return str(row["b"]["name"] if row["a"] is None else row["a"]["name"])
