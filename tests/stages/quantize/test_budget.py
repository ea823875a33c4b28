"""Budgets, and the order of candidates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgesmith import UserError
from edgesmith_stages.quantize.assignment import Assignment
from edgesmith_stages.quantize.budget import Budget, Trial, confirmed, order

TRIAL = Trial("int8", Assignment("onnx", "int8"), bytes=300, ms=6.0, float_ms=10.0, sqnr_db=30, drop=0.002, images=500)


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        ({"max_latency": "0.6x", "max_bytes": "0.3x"}, Budget(0.003, max_ratio=0.6, max_bytes=300)),
        ({"max_latency": 0.6, "max_bytes": 300}, Budget(0.003, max_ratio=0.6, max_bytes=300)),
        ({"max_latency": "5 ms", "max_bytes": "1.5 kB"}, Budget(0.003, max_ms=5, max_bytes=1500)),
        ({"max_latency": "1.5x", "max_bytes": "2MB"}, Budget(0.003, max_ratio=1.0, max_bytes=2_000_000)),
        ({"max_latency": None, "max_bytes": None}, Budget(0.003)),
    ],
)
def test_limits_as_they_are_written(given: dict[str, Any], budget: Budget) -> None:
    """Shares are of the float file; slower than float is never allowed."""
    assert Budget.of(0.003, size=1000, **given) == budget


@pytest.mark.parametrize("given", [{"max_latency": "fast"}, {"max_latency": "3 MB"}, {"max_bytes": "5 ms"}])
def test_what_is_no_limit_is_told(given: dict[str, Any]) -> None:
    """With the units there are."""
    with pytest.raises(UserError, match=r"`max_\w+`: expected a number with one of x, "):
        Budget.of(0.003, **{"max_latency": None, "max_bytes": None, **given}, size=1)


@pytest.mark.parametrize(
    ("change", "budget", "missed"),
    [
        ({}, Budget(0.003), None),
        ({"ms": 10.0}, Budget(0.003), "not faster than float here"),
        ({"ms": 9.9}, Budget(0.003), "not faster than float here"),
        ({}, Budget(0.003, max_ratio=0.5), "0.60x the time of float"),
        ({}, Budget(0.003, max_ms=5), "6 ms"),
        ({}, Budget(0.003, max_bytes=299), "300 bytes"),
        ({}, Budget(0.001), "loses 0.0020 on 500 images"),
        ({"drop": None}, Budget(0.0), None),
    ],
)
def test_what_a_candidate_misses(change: dict[str, Any], budget: Budget, missed: str | None) -> None:
    """In words, with both figures; a drop that nobody measured yet misses nothing."""
    told = budget.missed(replace(TRIAL, **change))
    assert told is None if missed is None else missed in (told or "")


@pytest.mark.parametrize(("ratios", "ratio"), [([0.9, 0.7, 0.8], 0.8), ([0.9, 1.0, 0.8], 1.0), ([0.5, 1.2], 1.2)])
def test_one_pair_that_is_no_faster_casts_doubt(ratios: list[float], ratio: float) -> None:
    """The median counts only if every pair of processes was faster than float."""
    assert confirmed(ratios) == ratio


def test_the_best_by_what_counts() -> None:
    """Latencies that are as good as equal leave it to the size."""
    small = replace(TRIAL, label="small", ms=6.05, bytes=200)
    right = replace(TRIAL, label="right", ms=9.0, drop=0.0)
    slim = replace(TRIAL, label="slim", ms=9.5, bytes=100)
    best = {by: order([TRIAL, small, right, slim], by)[0].label for by in ("latency", "bytes", "drop")}
    assert best == {"latency": "small", "bytes": "slim", "drop": "right"}
