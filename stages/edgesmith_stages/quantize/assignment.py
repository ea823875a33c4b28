"""What a quantiser is to do with each operation: an artifact that a quantised file is a function of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from edgesmith import Report, UserError

UNTOUCHED = "float"
"""The scheme of an assignment under which the file stays as it is."""
MIXED = "mixed"
"""The scheme of an assignment that gives each operation's weights a form of their own."""
NOT_FASTER = "no candidate within budget is faster than float on the machine that it was tuned on"
"""Why a file stays as it is."""
NOT_SMALLER = "no candidate within budget is smaller than float"
"""Why a Core ML package stays as it is."""


@dataclass(frozen=True)
class Assignment:
    """A scheme, and the operations that stay in float; or, under `mixed`, the scheme of each operation.

    It holds no figure of any machine, so that equal choices are equal artifacts, wherever they were made.

    Attributes:
        format: the model's kind, such as "tflite".
        scheme: of that format; `float`: leave the file as it is; `mixed` (Core ML): see `forms`.
        keep: by name, the operations that stay in float, and why.
        why: why the file stays as it is, for `float`.
        forms: for `mixed`, by name, what scheme an operation's weights take.
    """

    format: str
    scheme: str
    keep: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    forms: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """As a report's JSON document: equal assignments are equal texts."""
        document = {
            "format": self.format,
            "scheme": self.scheme,
            "keep": dict(self.keep),
            "why": self.why,
            "forms": dict(self.forms),
        }
        return json.dumps(document, indent=1, sort_keys=True) + "\n"

    def digest(self) -> str:
        """Name it, for a file that is made by it."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:16]

    def write(self, folder: Path) -> None:
        """Write it as a report."""
        (folder / "report.json").write_text(self.text(), encoding="utf-8")

    @classmethod
    def read(cls, report: Report) -> Assignment:
        """Read it; raise UserError for a report that isn't one."""
        document: dict[str, Any] = report.read()
        if set(document) != {one.name for one in fields(cls)}:
            raise UserError(
                "the report connected to `assignment` is no assignment",
                hint="connect the port of that name: `needs: {model: NODE, assignment: TUNED.assignment}`",
            )
        return cls(**document)

    def fit(self, kind: str, names: frozenset[str]) -> None:
        """Raise UserError if it was made for another file.

        Args:
            kind: of the model to quantise.
            names: of its operations.
        """
        hint = "quantise the model that `tune-precision` was given"
        if self.format != kind:
            raise UserError(f"the assignment is for {self.format} models, and this is a {kind} model", hint=hint)
        missing = sorted({*self.keep, *self.forms} - names)
        if missing:
            raise UserError(f"the assignment names {missing[0]!r}, which the model does not have", hint=hint)
