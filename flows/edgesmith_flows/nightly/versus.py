"""Two runs of one pipeline, held against each other by all that their records tell; nothing is measured here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from edgesmith_flows.figures.changes import causes, figure_changes, upstream
from edgesmith_flows.figures.metric import Metric
from edgesmith_flows.figures.table import FigureTable, RunFigures
from edgesmith_flows.nightly.verdict import (
    RULES,
    FigureRule,
    Verdict,
    judge_figures,
    judge_gates,
    judge_warnings,
    shown,
)
from edgesmith_flows.store import Store


def judge_runs(
    store: Store,
    table: FigureTable,
    before: RunFigures | None,
    after: RunFigures,
    *,
    rules: Mapping[str, FigureRule] = RULES,
    warnings: bool = True,
) -> list[Verdict]:
    """Return all verdicts that need no measurement.

    Args:
        before: the baseline; None where there is none: gates and nodes are judged all the same.
    """
    record = record_of(store, after.run)
    found = [*_nodes(record), *judge_gates(record.get("gates", ()))]
    if before is None:
        return found

    def deterministic(metric: Metric) -> bool:
        return all(_repeatable(store, run, metric, table) for run in (before, after))

    figures = [
        with_since(table, before, after, verdict, metric)
        for verdict, metric in _named(before, after, judge_figures(before.figures, after.figures, rules, deterministic))
    ]
    told = judge_warnings(_warnings(store, before), _warnings(store, after)) if warnings else ()
    return [*found, *figures, *told]


def judge_changes(store: Store, table: FigureTable, before: RunFigures, after: RunFigures) -> list[Verdict]:
    """Return a verdict for whatever differs between two runs; a figure without a rule has just changed."""
    judged = judge_runs(store, table, before, after)
    named = {verdict.what for verdict in judged}
    others = [
        Verdict(str(one.metric), "figure", "changed", shown(one.before), shown(one.after), _percent(one.share))
        for one in figure_changes(before, after)
        if str(one.metric) not in named
    ]
    return [verdict for verdict in judged if verdict.outcome != "same"] + others


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:+.1f} %"


def record_of(store: Store, run: str) -> dict[str, Any]:
    """Return a run's record, empty where it can't be read."""
    try:
        return dict(json.loads((store.root / "runs" / f"{run}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def since(
    table: FigureTable, before: RunFigures, after: RunFigures, node: str, alike: Callable[[RunFigures], bool]
) -> str:
    """Say in which run it came, and what had changed there.

    Args:
        node: the node that it is about.
        alike: tells whether a run has what tonight's has.
    """
    first, last_other = after, before
    for name in table.names(after.pipeline):
        run = table.run(name)
        if run.begun >= after.begun:
            continue
        if run.begun <= before.begun or not alike(run):
            last_other = run if run.begun > before.begun else before
            break
        first = run
    nodes = upstream(table, last_other, node) | upstream(table, first, node)
    brought = [f"{cause.node}: {'; '.join(cause.parts)}" for cause in causes(table, last_other, first, nodes)]
    return f"{first.run}" + (f" ({' | '.join(brought)})" if brought else "")


def with_since(table: FigureTable, before: RunFigures, after: RunFigures, verdict: Verdict, metric: Metric) -> Verdict:
    """Add to a regression since which run it is there."""
    if verdict.outcome != "regressed":
        return verdict
    value = after.figures.get(metric)
    told = since(table, before, after, metric.of or metric.node, lambda run: run.figures.get(metric) == value)
    return replace(verdict, since=told)


def _named(before: RunFigures, after: RunFigures, verdicts: Iterator[Verdict]) -> Iterator[tuple[Verdict, Metric]]:
    names = {str(metric): metric for metric in (*before.figures, *after.figures)}
    return ((verdict, names[verdict.what]) for verdict in verdicts)


def _nodes(record: Mapping[str, Any]) -> Iterator[Verdict]:
    for name, entry in record.get("nodes", {}).items():
        if entry.get("state") in ("failed", "cancelled"):
            text = str(entry.get("error") or entry["state"]).splitlines()[0]
            yield Verdict(name, "node", "regressed", detail=text)


def _repeatable(store: Store, run: RunFigures, metric: Metric, table: FigureTable) -> bool:
    """Tell whether the model that a figure is of, or the node itself, comes from nothing that chance has a part in."""
    nodes = upstream(table, run, metric.of or metric.node)
    actions = [store.recorded(run.keys[node]) for node in nodes if node in run.keys]
    return all(action is not None and action.deterministic for action in actions)


def _warnings(store: Store, run: RunFigures) -> dict[str, tuple[str, ...]]:
    actions = {node: store.recorded(key) for node, key in run.keys.items()}
    return {node: action.warnings for node, action in actions.items() if action is not None}
