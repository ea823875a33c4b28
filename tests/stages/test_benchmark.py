"""The `benchmark` stage: real processes, real timings."""

import pytest

from edgesmith import CoreMLModel, Timing
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.sections import Input, read_sections
from edgesmith.testing import StageContract, run_stage
from edgesmith_stages.benchmark import Benchmark
from edgesmith_stages.benchmarking.figures import latency
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.runtimes.torch_runtime import TorchRuntime


def test_latency_figures_of_known_times():
    figures = latency([1_000_000 * value for value in range(1, 101)], batch=1)
    assert figures == {"min_ms": 1.0, "median_ms": 50.5, "p90_ms": 90.1, "p99_ms": 99.01, "throughput": 19.8}


def test_throughput_counts_every_image_of_a_batch():
    assert latency([2_000_000], batch=4)["throughput"] == 2000


def test_figures_of_a_devices_own_summary_are_those_that_it_tells():
    timing = Timing(runs=50, min=1e6, mean=2.5e6, max=9e6, std=1e5, percentiles={50: 2e6, 95: 8e6})
    assert latency(timing, batch=2) == {
        "min_ms": 1.0, "mean_ms": 2.5, "max_ms": 9.0, "std_ms": 0.1, "median_ms": 2.0, "p95_ms": 8.0,
        "throughput": 1000.0,
    }  # fmt: skip
    assert latency(Timing(5, 1e6, 2.5e6, 9e6, 0.0), batch=1)["throughput"] == 400


@pytest.mark.slow
class TestContract(StageContract):
    stage = Benchmark
    params = {"runs": 3, "warmup": 1, "data": {"name": "random"}}
    bad_params = ({"mode": "marathon"}, {"minutes": 0}, {"concurrency": 10_000}, {"sizes": [0]})

    @pytest.fixture(autouse=True)
    def _given(self, labourer, labour):
        self.labourer, self.labour = labourer, labour

    def inputs(self, folder):
        return {"models": [self.labourer(folder / "model")]}

    def context(self, folder):
        return self.labour(folder)


@pytest.mark.slow
def test_measures_and_scores_what_can_run(tmp_path, save_timm, ref):
    model = save_timm(tmp_path / "model")
    package = CoreMLModel(tmp_path / "coreml")
    (package.file / "Data").mkdir(parents=True)
    made = run_stage(
        Benchmark,
        tmp_path / "out",
        {"models": [model, package]},
        {"data": ref, "runs": 7, "warmup": 2, "rounds": 3},
        datasets=[Folder],
        runtimes=[TorchRuntime],
    )
    row, refused = made.figures["models"]
    assert 0 < row["min_ms"] <= row["median_ms"] <= row["p90_ms"] <= row["p99_ms"]
    assert row["load_ms"] > 0
    assert row["peak_mb"] > 50, "torch alone takes more"
    assert row["runtime"] == "torch"
    assert 0 <= row["top1"] <= 1
    assert refused["status"] == "not run: no runtime for coreml"
    assert "median_ms" not in refused
    ((section,), problems) = read_sections(made.outputs["report"].read()["sections"])
    assert problems == []
    (sample,) = section.samples
    assert sample.of == Input(port="models", index=0) and len(sample.values) == 7
    assert min(sample.values) == row["min_ms"]


@pytest.mark.slow
def test_a_model_that_lacks_classes_of_the_data_fails_alone(tmp_path, labourer, labour):
    known, stranger = labourer(tmp_path / "known"), labourer(tmp_path / "stranger")
    contract = stranger.contract.model_copy(update={"classes": tuple("abcdefghij")})
    contract.write(stranger.path / CONTRACT_FILE)
    models = [known, type(stranger)(stranger.path)]
    params = {"data": "digits", "runs": 2, "warmup": 0, "rounds": 1}
    rows = run_stage(Benchmark, tmp_path, {"models": models}, params, context=labour(tmp_path / "out")).figures[
        "models"
    ]
    assert rows[0]["status"] == "ok" and "top1" in rows[0]
    assert rows[1]["status"].startswith("failed: the model lacks the dataset's classes 0, 1, 2, 3, 4 and 5 more")
    assert rows[1]["median_ms"] > 0 and "top1" not in rows[1]
