"""The `compare` stage: real processes, side by side."""

import numpy as np
import pytest

from edgesmith import CoreMLModel, StageFailed
from edgesmith.sections import Input, read_sections
from edgesmith.testing import StageContract, run_stage
from edgesmith.turns import Beside
from edgesmith_flows.gates import evaluate_gates
from edgesmith_stages.benchmarking.comparison import Tried, accuracy, speed
from edgesmith_stages.compare import Compare


def right(*places, of=10):
    """Which images are right."""
    return Tried("r", len(places) / of, np.isin(np.arange(of), places))


def beside(*logs):
    return [Beside(1e6, log, log / 2, 0.01) for log in logs]


class TestFigures:
    def test_a_model_twice_as_fast_is_faster_beyond_doubt(self):
        told = speed(beside(-0.69, -0.70, -0.68, -0.71, -0.69, -0.70), 0.95, 0, cpu=True)
        assert told["verdict"] == "faster"
        assert 1.9 < told["speedup_low"] <= told["speedup"] <= told["speedup_high"] < 2.1
        assert told["cpu_speedup"] == pytest.approx(2**0.5, abs=0.02)
        assert told["median_ms"] == 1

    def test_processes_that_disagree_prove_nothing(self):
        told = speed(beside(-0.2, 0.1, -0.3, 0.2, 0.1, -0.1), 0.95, 0, cpu=False)
        assert told["verdict"] == "unsure"
        assert told["speedup_low"] < 1 < told["speedup_high"]
        assert "cpu_speedup" not in told

    def test_top1_is_compared_image_by_image(self):
        told = accuracy(right(0, 1, 2, 3), right(1, 2, 3, 4, 5), 0.95)
        assert (told["top1"], told["top1_change"], told["gained"], told["lost"]) == (0.5, 0.1, 2, 1)
        assert told["top1_change_low"] < 0.1 < told["top1_change_high"]

    def test_without_labels_nothing_is_said_of_top1(self):
        assert accuracy(Tried("r", None, None), right(1), 0.95) == {}


class Labour:
    """Models of the benchmarking tests: one that works, one that works half as much, one that nothing here runs."""

    @pytest.fixture(autouse=True)
    def _given(self, labourer, labour, playground):
        self.labourer, self.labour, self.shelf = labourer, labour, playground.target.Shelf

    def inputs(self, folder):
        candidates = [self.labourer(folder / "half", work=60, factor=0.07)]
        return {"baseline": self.labourer(folder / "whole", work=120), "candidates": candidates}

    def context(self, folder):
        made = self.labour(folder)
        made.targets = [self.shelf]
        return made


class TestContract(Labour, StageContract):
    """On a target whose tool sums up: no process is started."""

    stage = Compare
    params = {"processes": 5, "score": False, "target": "shelf"}
    bad_params = ({"processes": 4}, {"certainty": 1})


@pytest.mark.slow
class TestMeasured(Labour):
    def test_half_the_work_is_twice_as_fast_and_a_gate_may_say_so(self, tmp_path):
        odd = CoreMLModel(tmp_path / "coreml")
        (odd.file / "Data").mkdir(parents=True)
        given = self.inputs(tmp_path)
        given["candidates"].append(odd)
        params = {"data": "digits", "processes": 5}
        made = run_stage(Compare, tmp_path, given, params, context=self.context(tmp_path / "out"))
        half, refused = made.figures["candidates"]
        assert half["verdict"] == "faster"
        assert 1.2 < half["speedup_low"] <= half["speedup"] <= half["speedup_high"]
        assert 1.4 < half["cpu_speedup"] < 3
        assert half["runtime"] == "labourer"
        assert refused == {"bytes": 0, "status": "not run: no runtime for coreml"}
        images = made.figures["images"]
        assert half["top1_change"] == pytest.approx((half["gained"] - half["lost"]) / images, abs=1e-5)
        assert half["top1"] - made.figures["baseline"]["top1"] == pytest.approx(half["top1_change"], abs=1e-5)
        (section,), problems = read_sections(made.outputs["report"].read()["sections"])
        assert problems == []
        (sample,) = section.samples
        assert sample.of == Input(port="candidates", index=0) and len(sample.values) == 5
        by_name = {"compare": {"speedup_low": {"half": half["speedup_low"]}}}
        (gate,) = evaluate_gates(('compare.speedup_low["half"] >= 1.2',), by_name)
        assert gate.held


def test_a_baseline_that_cannot_be_run_is_an_error(tmp_path, labourer, labour):
    ctx = labour(tmp_path / "out")
    ctx.runtimes = []
    model = labourer(tmp_path / "a")
    with pytest.raises(StageFailed, match="the baseline can't be run: no runtime for sign"):
        run_stage(Compare, tmp_path, {"baseline": model, "candidates": [model]}, context=ctx)
