"""What a report says first: did it pass, and which models stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edgesmith_flows.report.facts import Facts, Row
from edgesmith_flows.report.metrics import ACCURACY, LATENCY, Metric, best, first_with, metric

Kind = Literal["passed", "failed", "done"]


@dataclass(frozen=True)
class Verdict:
    """The outcome in a word, and why in a sentence."""

    kind: Kind
    word: str
    why: str


@dataclass(frozen=True)
class Standout:
    """The best model by one metric, with its value and how that compares."""

    title: str
    node: str
    index: int
    value: str
    unit: str
    compared: str


def verdict(facts: Facts) -> Verdict:
    """Judge a run by its nodes and gates."""
    failed, missed = facts.failed_nodes, [gate for gate in facts.gates if not gate.held]
    if failed:
        names = ", ".join(node.name for node in failed[:4]) + (", ..." if len(failed) > 4 else "")
        why = f"{len(failed)} of {len(facts.nodes)} nodes failed: {names}"
        return Verdict("failed", "Failed", why + (f"; {len(missed)} of {len(facts.gates)} gates missed" * bool(missed)))
    if missed:
        return Verdict("failed", "Failed", f"{len(missed)} of {_count(len(facts.gates), 'gate')} did not hold")
    left = len(facts.left_out)
    told = f"{_count(left, 'gate')} {'was' if left == 1 else 'were'} not evaluated (--only)"
    if not facts.gates:
        why = told if left else "the pipeline has no gates"
        return Verdict("done", "Done", f"{_count(len(facts.nodes), 'node')} made; {why}")
    held = f"{_count(len(facts.gates), 'gate')} held, {_count(len(facts.nodes), 'node')} ok"
    return Verdict("passed", "Passed", f"{held}; {told}" if left else held)


def standouts(rows: Sequence[Row]) -> list[Standout]:
    """Return the most accurate, the fastest and the smallest model, each against the first model measured."""
    chosen: list[tuple[str, Metric | None, str]] = [
        ("Most accurate", first_with(ACCURACY, rows, 2), "better"),
        ("Fastest", first_with(LATENCY, rows, 2), "faster"),
        ("Smallest", metric("bytes"), "smaller"),
    ]
    made = [_standout(title, one, than, rows) for title, one, than in chosen if one is not None]
    return [one for one in made if one is not None]


def _standout(title: str, one: Metric, than: str, rows: Sequence[Row]) -> Standout | None:
    top = best(one, rows)
    measured = [(index, row) for index, row in enumerate(rows) if one.of(row) is not None]
    if top is None:
        return None
    index, row = next((index, row) for index, row in measured if one.of(row) == top)
    first = measured[0][1]
    compared = _compared(one, than, top, one.of(first) or 0.0, first.node) if first is not row else ""
    return Standout(title, row.node, index, one.text(top), one.heading, compared)


def _compared(one: Metric, than: str, value: float, other: float, name: str) -> str:
    if one.better == "higher":
        return f"{value - other:.4g} {than} than {name}" if value > other else f"as good as {name}"
    return f"{other / value:.3g} times {than} than {name}" if value > 0 else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
