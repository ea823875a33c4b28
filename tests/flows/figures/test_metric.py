"""Figures by name."""

import pytest

from edgesmith import UserError
from edgesmith_flows.figures.metric import Metric, find_metric, flatten

KNOWN = [Metric("bench", "top1", "tflite-int8"), Metric("int8@8-sym", "ratio"), Metric("model", "loss")]


def test_they_are_written_as_gates_write_them():
    assert [str(one) for one in KNOWN] == ['bench.top1["tflite-int8"]', 'int8["8-sym"].ratio', "model.loss"]


@pytest.mark.parametrize(
    "text",
    [
        'bench.top1["tflite-int8"]',
        "bench.top1['tflite-int8']",
        "bench.top1[tflite_int8]",
        ' bench.top1["tflite-int8"] ',
    ],
)
def test_any_spelling_of_a_gate_finds_them(text):
    assert find_metric(text, KNOWN) == KNOWN[0]


def test_a_miss_tells_the_nearest():
    with pytest.raises(UserError, match=r'did you mean bench.top1\["tflite-int8"\]\?'):
        find_metric('bench.top1["tflite-int"]', KNOWN)


def test_an_empty_store_says_what_makes_figures():
    with pytest.raises(UserError, match="knows no figure yet"):
        find_metric("a.b", [])


def test_figures_are_taken_apart_by_input():
    figures = {
        "models": [{"top1": 0.9, "status": "ok"}, {"top1": 1, "status": "ok"}],
        "total": 3,
        "good": True,
        "by_class": {"cat": 0.5, "deep": {"x": 1}},
        "curve": [1, 2, 3],
    }
    assert dict(flatten("eval", figures, {"models": ["a", "b"]})) == {
        Metric("eval", "top1", "a"): 0.9,
        Metric("eval", "status", "a"): "ok",
        Metric("eval", "top1", "b"): 1.0,
        Metric("eval", "status", "b"): "ok",
        Metric("eval", "total"): 3.0,
        Metric("eval", "good"): 1.0,
        Metric("eval", "by_class", "cat"): 0.5,
    }


def test_a_stages_own_lists_are_left_out():
    """Empty ones, too, though no input has as many."""
    assert list(flatten("coreml", {"underflow": [], "kept": [{"op": "mul"}], "ops": 3}, {"model": ["fused"]})) == [
        (Metric("coreml", "ops"), 3.0)
    ]
