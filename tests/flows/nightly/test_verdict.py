"""What a figure means beside the baseline's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesmith_flows.figures.metric import Metric
from edgesmith_flows.nightly.verdict import (
    RULES,
    difference_interval,
    judge_figures,
    judge_gates,
    judge_value,
    judge_warnings,
    wilson,
)


@pytest.mark.parametrize(
    ("figure", "old", "new", "outcome"),
    [
        ("bytes", 1000.0, 1001.0, "regressed"),
        ("bytes", 1000.0, 999.0, "improved"),
        ("top1", 0.99, 0.9899, "regressed"),
        ("top1", 0.99, 0.9901, "improved"),
        ("ops", 90.0, 91.0, "regressed"),
        ("int8_ops", 90.0, 89.0, "regressed"),
        ("sqnr_db", 40.0, 39.6, "same"),
        ("sqnr_db", 40.0, 39.4, "regressed"),
        ("placement", "accelerator", "cpu", "regressed"),
        ("status", "ok", "failed: no", "regressed"),
        ("status", "failed: no", "ok", "improved"),
        ("bytes", 1000.0, 1000.0, "same"),
        ("bytes", None, 1000.0, "changed"),
        ("bytes", 1000.0, None, "regressed"),
    ],
)
def test_exact_figures(figure, old, new, outcome):
    assert judge_value(old, new, RULES[figure])[0] == outcome


def test_where_chance_has_a_part_a_few_images_are_no_regression():
    assert judge_value(0.99, 0.98, RULES["top1"], (360, 360))[0] == "same"
    assert judge_value(0.99, 0.90, RULES["top1"], (360, 360))[0] == "regressed"
    assert judge_value(0.90, 0.99, RULES["top1"], (360, 360))[0] == "improved"


def test_figures_are_judged_by_their_last_name_and_what_has_no_rule_is_left_out():
    before = {Metric("eval", "top1", "int8"): 0.9, Metric("eval", "images"): 100.0, Metric("m", "loss"): 1.0}
    after = {Metric("eval", "top1", "int8"): 0.8, Metric("eval", "images"): 100.0, Metric("m", "loss"): 2.0}
    (exact,) = judge_figures(before, after)
    assert (exact.what, exact.outcome, exact.before, exact.after) == ('eval.top1["int8"]', "regressed", "0.9", "0.8")
    (chance,) = judge_figures(before, after, deterministic=lambda _: False)
    assert chance.outcome == "same"
    assert "on 100 images" in chance.detail


@given(st.integers(1, 2000), st.data())
def test_wilson_s_interval_holds_the_share(total, data):
    right = data.draw(st.integers(0, total))
    low, high = wilson(right, total)
    assert 0 <= low <= right / total + 1e-12
    assert right / total - 1e-12 <= high <= 1


def test_without_a_count_of_images_chance_is_no_regression():
    before, after = {Metric("net", "top1"): 0.95}, {Metric("net", "top1"): 0.949}
    (verdict,) = judge_figures(before, after, deterministic=lambda _: False)
    assert verdict.outcome == "unsure"
    (verdict,) = judge_figures(before, after)
    assert verdict.outcome == "regressed"


def test_the_difference_is_that_of_the_published_example():
    """Newcombe (1998), table II: 56/70 - 48/80, 95 %, method 10: 0.0524 to 0.3339."""
    low, high = difference_interval(48, 80, 56, 70, 0.95)
    assert (low, high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def test_a_gate_that_does_not_hold_is_a_regression():
    held, failed = judge_gates(
        [{"gate": "a.x > 1", "held": True, "detail": ""}, {"gate": "a.y > 1", "held": False, "detail": "a.y = 0"}]
    )
    assert (held.outcome, failed.outcome, failed.detail) == ("same", "regressed", "a.y = 0")


def test_a_warning_counts_if_the_node_gave_none_like_it_before():
    before = {"a": ["12 ops are slow"], "b": []}
    after = {"a": ["13 ops are slow"], "b": ["falls back"], "new": ["anything"]}
    (only,) = judge_warnings(before, after)
    assert (only.what, only.detail) == ("b", "falls back")
