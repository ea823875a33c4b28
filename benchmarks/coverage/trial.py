"""Try one family: run its project node by node, in one process after another, and gather its cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from benchmarks.coverage.cells import Cell, Place, failed, made
from benchmarks.coverage.families import Family
from benchmarks.coverage.project import FALLBACK, FORMATS, PRECISIONS, SOURCE, reached, write
from edgesmith import EdgesmithError
from edgesmith_flows.outcome import Listener
from edgesmith_flows.run import executing
from edgesmith_flows.session import plan_session, session_of
from edgesmith_flows.yaml_source import load_yaml


def try_family(
    family: Family,
    formats: Collection[str],
    precisions: Collection[str],
    folder: Path,
    store: Path,
    listener: Listener,
) -> list[Cell]:
    """Make the files of one family.

    Nodes run alone, so that their seconds mean something; what is in the store already is taken from there, with the
    seconds that it took.

    Args:
        family: which one.
        formats: which columns.
        precisions: which cells of them.
        folder: where the project goes.
        store: the store.
        listener: told what happens.
    """
    session = session_of(load_yaml(write(folder, family)), store=store, folder=folder)
    cells: dict[str, Cell] = {}
    errors: dict[str, tuple[EdgesmithError, float]] = {}
    with session.store.lease():
        plan, forced = plan_session(session, only=reached(formats, precisions))
        with executing(session, plan, forced, listener) as (executor, _):
            for name in (one for one in plan.steps if one not in FALLBACK.values()):
                place = _place(family, name)
                if name in ("model", SOURCE):
                    _attempt(executor, name, errors)
                    continue
                result = _attempt(executor, name, errors)
                if result is None and name in FALLBACK and SOURCE not in errors:
                    result = _attempt(executor, FALLBACK[name], errors)
                if result is not None:
                    cells[name] = made(place, result.action.figures, result.action.seconds)
                elif name in errors:
                    cells[name] = failed(place, *errors[name])
                else:
                    cells[name] = _skipped(place, plan.steps[name].node.upstream, errors)
    return [
        cells.get(f"{one}-{precision}", Cell(family.name, one, precision, "not offered"))
        for one in FORMATS
        if one in formats
        for precision in PRECISIONS
        if precision in precisions
    ]


def _attempt(executor: Any, name: str, errors: dict[str, tuple[EdgesmithError, float]]) -> Any:
    """Make a node; return its result, or None where it failed (kept in `errors`) or what it needs did."""
    if any(need not in executor.results or executor.results[need].action is None for need in _needs(executor, name)):
        return None
    try:
        return executor.make(name)
    except EdgesmithError as error:
        errors[name] = error, executor.results[name].seconds
        return None


def _needs(executor: Any, name: str) -> list[str]:
    return list(executor.plan.steps[name].node.upstream)


def _place(family: Family, name: str) -> Place:
    kind, _, precision = name.partition("-")
    return family.name, kind, precision


def _skipped(place: Place, needs: Collection[str], errors: Mapping[str, Any]) -> Cell:
    (need,) = needs
    first = need if need in errors or need != SOURCE else "model"
    error = errors.get(first)
    problem = f"needs {need}" + (f", which failed: {error[0].message}" if error else "")
    return Cell(*place, state="skipped", problem=problem, next=f"mend {first}")
