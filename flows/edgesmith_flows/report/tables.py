"""A run's figures for other programs: JSON with everything, CSV with the models."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from edgesmith_flows.report.facts import Facts

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(facts: Facts) -> str:
    """Return everything that a report tells, as JSON, null for what is no finite number.

    `schema` is raised when a name changes or goes.
    """
    return json.dumps(_finite(facts.document()), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(facts: Facts) -> str:
    """Return one line for each model: node, format, status, bytes, then every figure that is a number or a text.

    Texts that a spreadsheet would take for a formula begin with an apostrophe; what is no finite number is empty.
    """
    names = sorted({name for row in facts.rows for name, value in row.figures.items() if _plain(value)})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["node", "format", "status", "bytes", *(_safe(name) for name in names)])
    for row in facts.rows:
        figures = [_finite(row.figures.get(name)) if _plain(row.figures.get(name)) else None for name in names]
        writer.writerow([_safe(value) for value in (row.node, row.format, row.status, row.bytes, *figures)])
    return text.getvalue()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: object) -> bool:
    return isinstance(value, (int, float, str))


def _safe(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
