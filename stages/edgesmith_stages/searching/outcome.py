"""What a search reports: every trial, the front, and the chosen one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgesmith.sections import LONGEST_TEXT, MOST_ROWS, Point, Points, Table
from edgesmith_stages.searching.trials import Search, Trial


def document(search: Search, best: Trial, names: Sequence[str]) -> dict[str, Any]:
    """Return the report's document: all trials with params and values.

    Args:
        names: of the objectives.
    """
    front = {one.number for one in search.front()}
    return {
        "chosen": best.number,
        "objectives": dict(zip(names, ("maximize" if one else "minimize" for one in search.greater), strict=True)),
        "trials": [
            {
                "number": one.number,
                "params": dict(one.params),
                "values": dict(zip(names, one.values, strict=False)),
                "front": one.number in front,
                "failed": one.failed,
                "missed": list(one.missed),
            }
            for one in search.trials
        ],
        "sections": [
            one.document() for one in (*_plots(search, best, names, front), _table(search, best, names, front))
        ],
    }


def figures(search: Search, best: Trial, names: Sequence[str]) -> dict[str, Any]:
    """Return the figures that gates see: `search.best["top1"]`, `search.params["ratio"]`, counts of trials."""
    states = [one.state for one in search.trials]
    return {
        "trials": len(states),
        "failed": states.count("failed"),
        "missed": states.count("constraint missed"),
        "front": len(search.front()),
        "chosen": best.number,
        "best": dict(zip(names, best.values, strict=True)),
        "params": dict(best.params),
    }


def _plots(search: Search, best: Trial, names: Sequence[str], front: set[int]) -> list[Points]:
    """The first objective by each of the others."""
    tried = [one for one in search.trials if one.values][:MOST_ROWS]

    def point(trial: Trial, place: int) -> Point:
        told = ", ".join(f"{name}={value}" for name, value in trial.params.items())
        mark = "chosen; " if trial is best else "" if trial.allowed else f"{trial.state}; "
        return Point(
            name=str(trial.number),
            x=trial.values[place],
            y=trial.values[0],
            note=f"{mark}{told}"[:LONGEST_TEXT],
            marked=trial.number in front,
        )

    note = f"Full: the front. Trial {best.number} was chosen."
    return [
        Points(title="trials", note=note, x=names[place], y=names[0], points=tuple(point(one, place) for one in tried))
        for place in range(1, len(names) if len(tried) > 1 else 1)
    ]


def _table(search: Search, best: Trial, names: Sequence[str], front: set[int]) -> Table:
    axes = list(search.axes)

    def row(trial: Trial) -> tuple[float | int | str | None, ...]:
        values = trial.values or (None,) * len(names)
        mark = "chosen" if trial is best else "front" if trial.number in front else trial.state
        return (trial.number, *(_cell(trial.params, axis) for axis in axes), *values, mark)

    shown = sorted(search.trials, key=lambda one: (one is not best, one.number not in front, one.number))[:MOST_ROWS]
    note = f"{len(search.trials)} trials; the front: those that no other beats in all of {', '.join(names)}"
    return Table(
        title="search", note=note, columns=("trial", *axes, *names, "outcome"), rows=tuple(row(one) for one in shown)
    )


def _cell(params: Mapping[str, Any], axis: str) -> float | int | str:
    value = params[axis]
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)[:200]
