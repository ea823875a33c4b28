"""What tests of a model mean for the night."""

import pytest

from edgesmith.refs import TargetRef
from edgesmith_flows.nightly.latency import LatencyVerdict, SequentialTest
from edgesmith_flows.nightly.measured import Rival, verdicts

RIVAL = Rival("onnx", "model", ("a", "b"), "bench", TargetRef(name="host"), 1)


def one(outcome, ratio, memory_outcome="fine", high=None):
    return SequentialTest(outcome, ratio, ratio - 0.02, high or ratio + 0.02, ratio, 10, 1.0, memory_outcome)


def said(*tests):
    return {verdict.what: verdict for verdict in verdicts(RIVAL, LatencyVerdict(list(tests)), lambda: "that run")}


@pytest.mark.parametrize(
    ("tests", "outcome"),
    [
        ([one("fine", 1.0)], "same"),
        ([one("fine", 0.9)], "improved"),
        ([one("regressed", 1.1), one("regressed", 1.1)], "regressed"),
        ([one("regressed", 1.1), one("fine", 1.0)], "same"),
        ([one("regressed", 1.1), one("unsure", 1.03)], "unsure"),
    ],
)
def test_of_latency(tests, outcome):
    latency = said(*tests)['bench.latency["onnx"]']
    assert latency.outcome == outcome
    assert latency.since == ("that run" if outcome == "regressed" else "")


def test_of_memory():
    both = said(one("fine", 1.0, "regressed"), one("fine", 1.0, "regressed"))
    assert both['bench.latency["onnx"]'].outcome == "same"
    assert both['bench.memory["onnx"]'].outcome == "regressed"
    assert both['bench.memory["onnx"]'].since == "that run"
