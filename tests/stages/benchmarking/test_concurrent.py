"""Several processes of one model at once."""

import pytest

from edgesmith import UserError
from edgesmith.sections import read_sections
from edgesmith.testing import run_stage
from edgesmith_stages.benchmark import Benchmark
from edgesmith_stages.benchmarking import concurrent

PARAMS = {"runs": 2, "rounds": 1, "warmup": 0, "score": False, "concurrency": 2, "seconds": 0.6}


def test_more_processes_than_processors_are_refused_before_the_run(monkeypatch):
    monkeypatch.setattr(concurrent, "processors", lambda: 4)
    with pytest.raises(UserError, match="3 processes of 2 threads each need 6 processors, and this machine offers 4"):
        Benchmark.check(Benchmark.Params(concurrency=3, threads=2), {}, {})
    with pytest.raises(UserError) as refused:
        Benchmark.check(Benchmark.Params(concurrency=5), {}, {})
    assert "at most 4 with threads: 1" in refused.value.hint
    Benchmark.check(Benchmark.Params(concurrency=2, threads=2), {}, {})
    Benchmark.check(Benchmark.Params(threads=8), {}, {})


@pytest.mark.slow
@pytest.mark.skipif(concurrent.processors() < 2, reason="takes two processors")
def test_throughput_and_latency_are_told_for_each_number_of_processes(tmp_path, labourer, labour):
    models = [labourer(tmp_path / "a")]
    made = run_stage(Benchmark, tmp_path, {"models": models}, PARAMS, context=labour(tmp_path / "out"))
    (row,) = made.figures["models"]
    assert "concurrency" not in row
    assert row["scaling_x1"] == 1
    assert row["scaling_x2"] == pytest.approx(row["throughput_x2"] / row["throughput_x1"], rel=0.01)
    for count in (1, 2):
        assert row[f"throughput_x{count}_least"] <= row[f"throughput_x{count}"] <= row[f"throughput_x{count}_most"]
        assert 0 < row[f"median_ms_x{count}"] <= row[f"p90_ms_x{count}"]
    sections, problems = read_sections(made.outputs["report"].read()["sections"])
    assert problems == []
    assert [len(values) for values in sections[-1].curves.values()] == [2, 2]


def test_a_target_that_measures_one_at_a_time_says_so(tmp_path, labourer, labour, playground):
    ctx = labour(tmp_path / "out")
    ctx.targets = [playground.target.Shelf]
    models = [labourer(tmp_path / "a")]
    made = run_stage(Benchmark, tmp_path, {"models": models}, {**PARAMS, "target": "shelf"}, context=ctx)
    (row,) = made.figures["models"]
    assert row["concurrency"] == "not run: the target measures one at a time"
    assert row["status"] == "ok"
