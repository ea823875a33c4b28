"""Figures: their names, their better side, and what is not beaten."""

import hypothesis.strategies as st
from hypothesis import given

from edgesmith_flows.report.facts import Row
from edgesmith_flows.report.metrics import best, first_with, front, metric, metrics_of

ROWS = [
    Row("a", "x", 100, "ok", {"top1": 0.9, "median_ms": 2.0, "odd": True, "runtime": "r"}),
    Row("b", "x", 50, "ok", {"top1": 0.8, "median_ms": 1.0, "acme": 3}),
    Row("c", "x", None, "skipped", {}),
]


def test_known_figures_come_first_and_those_of_plugins_behind():
    assert [one.name for one in metrics_of(ROWS)] == ["bytes", "top1", "median_ms", "acme"]


def test_what_is_no_number_was_not_measured():
    row = Row("a", "x", 1, "ok", {"top1": float("nan"), "median_ms": float("inf"), "agreement": "1"})
    assert [one.name for one in metrics_of([row])] == ["bytes"]


def test_the_better_side_decides_the_best():
    assert best(metric("top1"), ROWS) == 0.9
    assert best(metric("median_ms"), ROWS) == 1.0
    assert best(metric("acme"), ROWS) is None
    assert best(metric("top1"), ROWS[:1]) is None


def test_the_first_figure_that_enough_models_have_is_taken():
    assert first_with(("agreement", "top1"), ROWS, 2) == metric("top1")
    assert first_with(("agreement", "acme"), ROWS, 2) is None


def test_of_equal_points_both_are_on_the_front():
    assert front({"a": (1, 2), "b": (1, 2), "c": (2, 2), "d": (0, 9)}) == {"a", "b", "d"}


@given(st.dictionaries(st.integers(0, 9), st.tuples(*[st.integers(0, 5)] * 3), min_size=1))
def test_every_point_is_on_the_front_or_beaten_by_one_that_is(points):
    found = front(points)
    assert found
    for name, one in points.items():
        beaten = any(all(x <= y for x, y in zip(points[w], one, strict=True)) and points[w] != one for w in found)
        assert (name in found) != beaten
