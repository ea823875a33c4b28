"""One cell of the table: what came of one family in one format and precision."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from edgesmith import EdgesmithError

State = Literal["ok", "failed", "skipped", "not offered"]
Place = tuple[str, str, str]
"""Family, format, precision."""

_OP = (
    re.compile(r"at the operator ([\w.:]+)"),
    re.compile(r"(?:breaks|goes wrong) at (\w+) '"),
    re.compile(r"is lost at '([\w.]+)'"),
    re.compile(r"\(((?!TfLite)\w+)\) failed to (?:invoke|prepare)"),
    re.compile(r"while running (\w+) node\. Name:"),
)
_LAYER = (re.compile(r"\blayer ([\w.]+)\)"), re.compile(r" node\. Name:'([\w./]+)'"), re.compile(r"\b(tensor \d+)\b"))
_NO_HINT = "leave one type of operator after another in float with `exclude`; `sensitivity` tells which blocks suffer"


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        family, format, precision: where it stands.
        state: whether a file was made and passed its check.
        sqnr_db: of an exported file against the torch model; of a quantised one against the file it was made of.
        agreement: share of equal top-1 answers, likewise.
        bytes: of the file.
        seconds: that the stage took.
        note: what else is to be known: operations kept in single precision, which backend.
        problem: what went wrong.
        op: the operation at fault, where the message names one.
        layer: the layer that it comes from, likewise.
        next: what to try.
    """

    family: str
    format: str
    precision: str
    state: State
    sqnr_db: float | None = None
    agreement: float | None = None
    bytes: int | None = None
    seconds: float | None = None
    note: str = ""
    problem: str = ""
    op: str = ""
    layer: str = ""
    next: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON; what doesn't apply is left out."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}


def read(files: Iterable[Path]) -> list[Cell]:
    """Read cells from files that hold `Cell.document`s in a list; of two in one place the later one counts."""
    found: dict[Place, Cell] = {}
    for file in files:
        for document in json.loads(file.read_text(encoding="utf-8")):
            cell = Cell(**document)
            found[cell.family, cell.format, cell.precision] = cell
    return list(found.values())


def made(place: Place, figures: Mapping[str, Any], seconds: float) -> Cell:
    """Make the cell of a file that was made."""
    told = []
    if figures.get("kept_fp32"):
        told.append(f"mixed: {len(figures['kept_fp32'])} of {figures['ops']} operations in fp32")
    if figures.get("backend") not in (None, "litert-torch"):
        told.append(f"by {figures['backend']}")
    return Cell(
        *place,
        state="ok",
        sqnr_db=_rounded(figures.get("half_sqnr_db", figures.get("sqnr_db")), 1),
        agreement=_rounded(figures.get("agreement"), 3),
        bytes=figures.get("bytes"),
        seconds=round(seconds, 1),
        note="; ".join(told),
    )


def failed(place: Place, error: EdgesmithError, seconds: float) -> Cell:
    """Make the cell of a node that failed."""
    found = (pattern.search(error.message) for pattern in _OP)
    op = next((one.group(1) for one in found if one), "")
    layer = next((one.group(1) for one in (pattern.search(error.message) for pattern in _LAYER) if one), "")
    without = f"leave {op} in float: `exclude: [{op}]`" if op and place[2] == "int8" else ""
    return Cell(
        *place,
        state="failed",
        seconds=round(seconds, 1),
        problem=error.message,
        op=op,
        layer=layer,
        next=error.hint or without or _NO_HINT,
    )


def _rounded(value: Any, digits: int) -> float | None:
    return round(float(value), digits) if isinstance(value, (int, float)) else None
