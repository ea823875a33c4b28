"""The nightly experiment's parts: more work for the same answer, and nights that go on where they stopped."""

import random
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from edgesmith import OnnxModel
from edgesmith_flows.nightly.latency import LatencyRule
from edgesmith_flows.nightly.paired import Pair


@pytest.fixture
def part(monkeypatch):
    """Import a module of the experiment, which lies beside the packages."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    return lambda name: import_module(f"benchmarks.nightly.{name}")


@pytest.fixture
def model(tmp_path):
    """Two convolutions with a ReLU between them."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(shape, dtype=np.float32) for shape in ((4, 3, 3, 3), (2, 4, 1, 1))]
    nodes = [
        helper.make_node("Conv", ["image", "w0"], ["first"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["first"], ["map"]),
        helper.make_node("Conv", ["map", "w1"], ["second"]),
        helper.make_node("Relu", ["second"], ["out"]),
    ]
    given = helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, 8, 8])
    taken = helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, [1, 2, 8, 8])
    constants = [numpy_helper.from_array(value, f"w{i}") for i, value in enumerate(weights)]
    graph = helper.make_graph(nodes, "g", [given], [taken], constants)
    (tmp_path / "model").mkdir()
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "model" / OnnxModel.main)
    return OnnxModel(tmp_path / "model")


def test_a_heavier_model_answers_the_same_and_computes_more(part, model, tmp_path):
    made = part("heavier")
    more = made.heavier(model, tmp_path / "more", made.rows_of(model) // 2)
    image = np.random.default_rng(1).random((1, 3, 8, 8), dtype=np.float32)
    answers = [
        onnxruntime.InferenceSession(one.file, providers=["CPUExecutionProvider"]).run(None, {"image": image})[0]
        for one in (model, more)
    ]
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-4)
    assert not np.array_equal(answers[0], answers[1])  # nothing dropped the extra work
    convolutions = [sum(node.op_type == "Conv" for node in onnx.load(one.file).graph.node) for one in (model, more)]
    assert convolutions == [2, 3]


def test_an_experiment_goes_on_where_it_stopped(part, tmp_path):
    trials = part("trials")
    file, taken = tmp_path / "nights.jsonl", []

    def measure(chance: random.Random) -> Pair:
        taken.append(1)
        value = chance.gauss(0, 0.005)
        return Pair(value, value, 0.0)

    first = list(trials.nights(file, "null", 2, measure, LatencyRule()))
    count = len(taken)
    again = list(trials.nights(file, "null", 3, measure, LatencyRule()))
    assert again[:2] == first
    assert len(taken) - count == len(again[2]["pairs"])
    assert [row["outcome"] for row in trials.read(file)] == ["fine"] * 3
