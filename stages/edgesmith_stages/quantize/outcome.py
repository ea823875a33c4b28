"""What `tune-precision` writes: the choice, and what was measured."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgesmith import StageFailed
from edgesmith_stages.quantize.assignment import UNTOUCHED, Assignment

if TYPE_CHECKING:
    from edgesmith import Context
    from edgesmith_stages.quantize.graph import Operation


def nothing_chosen(ctx: Context, kind: str, why: str, missed: Mapping[str, str | None], params: Any) -> Assignment:
    """Return the assignment that leaves the file as it is.

    Args:
        ctx: of the stage.
        kind: of the model.
        why: nothing was chosen.
        missed: by candidate, what it missed.
        params: of the stage.

    Raises:
        StageFailed: the user rather wants the node to fail (`on_regress: fail`).
    """
    if params.on_regress == "fail":
        lines = [f"  {label}: {reason}" for label, reason in missed.items() if reason]
        raise StageFailed("\n".join([why, *lines]), hint="raise the budget, or let `on_regress: keep` pass it on")
    ctx.log.warning("%s: the float file is kept", why)
    return Assignment(kind, UNTOUCHED, why=why)


def headline(
    assignment: Assignment, label: str, why: str, operations: Sequence[Operation], candidates: int, size: int
) -> dict[str, Any]:
    """Return the figures that every format has.

    Args:
        assignment: what was chosen.
        label: of the chosen candidate.
        why: it was chosen.
        operations: of the file.
        candidates: how many were tried.
        size: bytes of the chosen file.
    """
    types = {one.name: one.op for one in operations}
    return {
        "chosen": label,
        "scheme": assignment.scheme,
        "why": why,
        "kept": dict(sorted(Counter(types[name] for name in assignment.keep).items())),
        "candidates": candidates,
        "bytes": size,
    }


def write(
    ctx: Context,
    assignment: Assignment,
    figures: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    **facts: Any,
) -> None:
    """Write both reports.

    Args:
        ctx: of the stage.
        assignment: for the port of that name.
        figures: of the node.
        trials: a row for each candidate.
        facts: how it was measured.
    """
    assignment.write(ctx.out("assignment"))
    document = {**figures, "trials": list(trials), **facts}
    text = json.dumps(document, indent=1, sort_keys=True)
    (ctx.out("report") / "report.json").write_text(text + "\n", encoding="utf-8")
