"""Two real models beside each other, in fresh processes of a real runtime."""

import random
from functools import partial

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgesmith import InputContract, OnnxModel, RuntimeUnavailable, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.refs import TargetRef
from edgesmith_flows.nightly.latency import LatencyRule, judge
from edgesmith_flows.nightly.opening import opened_pair
from edgesmith_flows.nightly.paired import measure_pair
from edgesmith_flows.registry import load_registry
from edgesmith_flows.toolchains import Toolchains

SIZE = 8


def chain(folder, layers):
    """An ONNX artifact: so many matrix products, one after another."""
    folder.mkdir()
    width = 3 * SIZE * SIZE
    weight = np.eye(width, dtype=np.float32)
    names = ["flat", *(f"x{i}" for i in range(layers))]
    nodes = [helper.make_node("Flatten", ["image"], ["flat"])]
    nodes += [helper.make_node("MatMul", [names[i], f"w{i}"], [names[i + 1]]) for i in range(layers)]
    weights = [numpy_helper.from_array(weight, f"w{i}") for i in range(layers)]
    given = helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, SIZE, SIZE])
    taken = helper.make_tensor_value_info(names[-1], onnx.TensorProto.FLOAT, [1, width])
    graph = helper.make_graph(nodes, "chain", [given], [taken], weights)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx"
    )
    InputContract(size=(SIZE, SIZE), classes=tuple(map(str, range(width))), batch=1).write(folder / CONTRACT_FILE)
    write_golden(folder, np.zeros((2, SIZE, SIZE, 3), np.uint8), np.zeros((2, width), np.float32))
    return OnnxModel(folder)


@pytest.fixture
def opened(tmp_path):
    def opened(baseline, tonight, **options):
        models = chain(tmp_path / "baseline", baseline), chain(tmp_path / "tonight", tonight)
        return opened_pair(*models, load_registry([], tmp_path), Toolchains(offline=True), **options)

    return opened


@pytest.mark.slow
@pytest.mark.parametrize(("layers", "outcome"), [(12, "fine"), (24, "regressed")])
def test_twice_the_work_is_found_and_the_same_work_is_fine(opened, layers, outcome):
    pair = opened(12, layers)
    verdict = judge(partial(measure_pair, pair, random.Random(0)), LatencyRule(at_least=0.3, certainty=0.95))
    assert verdict.outcome == outcome, verdict.told
    assert verdict.memory_outcome == "fine"


@pytest.mark.slow
def test_on_several_threads_cpu_time_is_no_latency(opened):
    pair = measure_pair(opened(4, 4, threads=2), random.Random(0))
    assert pair.cpu is None
    assert pair.memory is not None


def test_a_target_that_nobody_has_is_told(opened):
    with pytest.raises(Exception, match="unknown target 'moon'"):
        opened(1, 1, target=TargetRef(name="moon"))


def test_a_kind_that_nothing_here_runs_is_told(tmp_path):
    from dataclasses import dataclass

    from edgesmith import Model

    @dataclass(frozen=True)
    class Odd(Model):
        kind, main = "odd", "model.odd"

    with pytest.raises(RuntimeUnavailable):
        opened_pair(Odd(tmp_path), Odd(tmp_path), load_registry([], tmp_path), Toolchains(offline=True))
