"""An empty stage, so that what is measured is the engine. Benchmarked projects get a copy of this file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgesmith import Artifact, Context, Stage, hookimpl, many, optional


class Note(Artifact):
    """A folder with a text, `note.txt`."""

    kind = "note"


class Blank(Stage):
    """Writes its number and how many notes it got, and does nothing else."""

    name = "blank"
    inputs = {"notes": optional(many(Note))}
    outputs = {"note": Note}

    class Params(Stage.Params):
        """Params of `blank`."""

        number: int = 0

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Write the line."""
        (ctx.out("note") / "note.txt").write_text(f"{params.number} {len(inputs['notes'] or [])}\n", encoding="utf-8")
        return {"number": params.number}


@hookimpl
def edgesmith_stages() -> list[type[Stage]]:
    """The empty stage."""
    return [Blank]


@hookimpl
def edgesmith_artifact_kinds() -> list[type[Artifact]]:
    """Its artifact."""
    return [Note]
