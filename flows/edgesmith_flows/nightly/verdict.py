"""What a figure of tonight means beside the baseline's: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from edgesmith_flows.figures.metric import Metric, Value

Outcome = Literal["regressed", "improved", "changed", "same", "unsure"]
Better = Literal["more", "less", "same"]


@dataclass(frozen=True)
class FigureRule:
    """How a figure is judged.

    Attributes:
        kind: what it is about, for people: accuracy, size, operations, ...
        better: which way is up; `same` is for what shouldn't change at all.
        within: an absolute change for the worse that is still no regression.
        counted: it is a share of the node's `images`: an interval where the chain isn't deterministic.
    """

    kind: str
    better: Better
    within: float = 0.0
    counted: bool = False


RULES: Mapping[str, FigureRule] = {
    "top1": FigureRule("accuracy", "more", counted=True),
    "top5": FigureRule("accuracy", "more", counted=True),
    "agreement": FigureRule("accuracy", "more", counted=True),
    "sqnr_db": FigureRule("parity", "more", within=0.5),
    "bytes": FigureRule("size", "less"),
    "ops": FigureRule("operations", "less"),
    "nodes": FigureRule("operations", "less"),
    "fp32_ops": FigureRule("operations", "less"),
    "int8_ops": FigureRule("operations", "more"),
    "delegated_ops": FigureRule("placement", "more"),
    "placement": FigureRule("placement", "same"),
    "runtime": FigureRule("placement", "same"),
    "backend": FigureRule("placement", "same"),
    "status": FigureRule("status", "same"),
}
"""Figures that the built-in nightly judges, by their last name; a nightly's `rules` add to them."""

CERTAINTY = 0.99


@dataclass(frozen=True)
class Verdict:
    """One thing that was looked at.

    Attributes:
        what: a figure, a gate, a node.
        kind: accuracy, size, operations, placement, parity, warning, gate, node, latency or memory.
        before, after: the values, for people.
        detail: why the outcome is what it is.
        since: the run in which it came, and what had changed in it.
    """

    what: str
    kind: str
    outcome: Outcome
    before: str = ""
    after: str = ""
    detail: str = ""
    since: str = ""


def judge_figures(
    before: Mapping[Metric, Value],
    after: Mapping[Metric, Value],
    rules: Mapping[str, FigureRule] = RULES,
    deterministic: Callable[[Metric], bool] = lambda _: True,
) -> Iterator[Verdict]:
    """Yield a verdict for every figure that both runs' rules speak of.

    Args:
        deterministic: tells whether all that a figure comes from gives the same bytes each time: it then is exact.
    """
    for metric in sorted({*before, *after}):
        rule = rules.get(metric.figure)
        if rule is None:
            continue
        old, new = before.get(metric), after.get(metric)
        images = (after.get(Metric(metric.node, "images")), before.get(Metric(metric.node, "images")))
        counts = None
        by_chance = rule.counted and not deterministic(metric)
        if by_chance and all(isinstance(one, float) and one >= 1 for one in images):
            counts = (int(images[1] or 0), int(images[0] or 0))
        outcome, detail = judge_value(old, new, rule, counts)
        if by_chance and counts is None and outcome == "regressed" and None not in (old, new):
            outcome, detail = "unsure", "chance has a part in it, and of how many images it is a share is not known"
        yield Verdict(str(metric), rule.kind, outcome, shown(old), shown(new), detail)


def judge_value(
    old: Value | None, new: Value | None, rule: FigureRule, counts: tuple[int, int] | None = None
) -> tuple[Outcome, str]:
    """Judge one figure; return the outcome and why.

    Args:
        counts: of how many images the two are shares, where chance has a part in them.
    """
    if old is None:
        return "changed", "is new"
    if new is None:
        return "regressed", "not measured any more"
    if old == new:
        return "same", ""
    if rule.better == "same" or isinstance(old, str) or isinstance(new, str):
        return ("improved", "") if rule.kind == "status" and new == "ok" else ("regressed", "is another")
    gain = new - old if rule.better == "more" else old - new
    if counts is not None:
        low, high = difference_interval(round(old * counts[0]), counts[0], round(new * counts[1]), counts[1])
        told = f"{100 * low:+.1f} to {100 * high:+.1f} points, on {counts[1]} images"
        if high < -rule.within:
            return "regressed", told
        return ("improved" if low > 0 else "same"), told
    if gain < -rule.within:
        return "regressed", f"exact, {_relative(old, new)}" + (f", more than {rule.within:g}" if rule.within else "")
    return ("improved" if gain > rule.within else "same"), _relative(old, new)


def difference_interval(
    right_before: int, before: int, right_after: int, after: int, certainty: float = CERTAINTY
) -> tuple[float, float]:
    """Return bounds of the difference (after - before) of two shares: Newcombe's hybrid of two Wilson intervals.

    Source: Newcombe (1998), "Interval estimation for the difference between independent proportions", method 10. The
    images are mostly the same ones, which makes the true interval narrower: it errs on the quiet side.
    """
    old, new = right_before / before, right_after / after
    old_low, old_high = wilson(right_before, before, certainty)
    new_low, new_high = wilson(right_after, after, certainty)
    difference = new - old
    low = difference - ((new - new_low) ** 2 + (old_high - old) ** 2) ** 0.5
    high = difference + ((new_high - new) ** 2 + (old - old_low) ** 2) ** 0.5
    return low, high


def wilson(right: int, total: int, certainty: float = CERTAINTY) -> tuple[float, float]:
    """Return Wilson's score interval of a share."""
    z = NormalDist().inv_cdf((1 + certainty) / 2)
    share, z2 = right / total, z * z / total
    middle = (share + z2 / 2) / (1 + z2)
    half = z / (1 + z2) * (share * (1 - share) / total + z2 / (4 * total)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def judge_gates(gates: Iterable[Mapping[str, object]]) -> Iterator[Verdict]:
    """Yield a verdict for each gate of tonight's record: one that doesn't hold is a regression."""
    for gate in gates:
        held = bool(gate["held"])
        yield Verdict(str(gate["gate"]), "gate", "same" if held else "regressed", detail=str(gate["detail"]))


def judge_warnings(before: Mapping[str, Iterable[str]], after: Mapping[str, Iterable[str]]) -> Iterator[Verdict]:
    """Yield a regression for each warning of a node that it didn't give in the baseline; numbers in it don't count."""
    for node, texts in sorted(after.items()):
        known = {_without_numbers(text) for text in before.get(node, ())}
        for text in texts:
            if node in before and _without_numbers(text) not in known:
                yield Verdict(node, "warning", "regressed", "", "", text.splitlines()[0] if text else "")


def _without_numbers(text: str) -> str:
    import re

    return re.sub(r"\d+(\.\d+)?", "#", text)


def shown(value: Value | None) -> str:
    """Write a figure for a verdict."""
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 1000 else f"{value:.6g}"
    return "-" if value is None else value


def _relative(old: float, new: float) -> str:
    return f"{100 * (new - old) / abs(old):+.2f} %" if old else f"{new - old:+g}"
