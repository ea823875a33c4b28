"""Models under load: one that tires, one that leaks, one that does neither, in real processes."""

import pytest

from edgesmith import Cancelled
from edgesmith.sections import Input, read_sections
from edgesmith.testing import run_stage
from edgesmith_stages.benchmark import Benchmark

PARAMS = {"mode": "sustained", "minutes": 2.5 / 60, "rest": 0, "starts": 2, "score": False, "at_least": 0.5}


@pytest.mark.slow
def test_what_tires_and_what_leaks_is_caught_and_what_does_neither_is_not(tmp_path, labourer, labour):
    moods = ("steady", "tiring", "leaky")
    models = [labourer(tmp_path / mood, mood) for mood in moods]
    made = run_stage(Benchmark, tmp_path, {"models": models}, PARAMS, context=labour(tmp_path / "out"))
    steady, tiring, leaky = made.figures["models"]
    assert tiring["latency_verdict"] == "slower"
    assert tiring["drift_low"] > 1.3
    assert leaky["memory_verdict"] == "grows"
    assert leaky["growth_mb_low"] > 5
    assert (steady["memory_verdict"], tiring["memory_verdict"]) == ("steady", "steady")
    assert steady["latency_verdict"] != "slower"
    for row in made.figures["models"]:
        assert row["status"] == "ok"
        assert 0 < row["load_ms"] < row["start_ms"] < row["cold_ms"]
        assert (row["starts"], row["windows"]) == (2, pytest.approx(20, abs=6))
        assert row["min_ms"] <= row["median_ms"] <= row["p90_ms"]
    sections, problems = read_sections(made.outputs["report"].read()["sections"])
    assert problems == []
    assert [one.of for one in sections] == [Input(port="models", index=index) for index in range(3)]
    curves = sections[2].curves["resident MB over time"]
    assert len(sections[2].at) == len(curves) == leaky["windows"]
    assert curves[-1] > curves[0] + 5


def test_a_run_that_is_interrupted_ends_at_once(tmp_path, labourer, labour):
    ctx = labour(tmp_path / "out")
    ctx.cancelled = True
    with pytest.raises(Cancelled):
        run_stage(Benchmark, tmp_path, {"models": [labourer(tmp_path / "a")]}, PARAMS, context=ctx)


def test_a_model_that_cannot_be_run_keeps_its_line(tmp_path, labourer, labour):
    ctx = labour(tmp_path / "out")
    ctx.runtimes = []
    made = run_stage(Benchmark, tmp_path, {"models": [labourer(tmp_path / "a")]}, PARAMS, context=ctx)
    assert made.figures["models"][0]["status"] == "not run: no runtime for sign"
    assert made.outputs["report"].read()["sections"] == []


def test_what_a_devices_tool_sums_up_is_a_window_each(tmp_path, labourer, labour, playground):
    ctx = labour(tmp_path / "out")
    ctx.targets = [playground.target.Shelf]
    params = {**PARAMS, "minutes": 0.01, "target": "shelf"}
    made = run_stage(Benchmark, tmp_path, {"models": [labourer(tmp_path / "a")]}, params, context=ctx)
    (row,) = made.figures["models"]
    assert row["status"] == "ok"
    assert row["runtime"] == "shelf"
    assert row["windows"] > 1
    assert row["min_ms"] == row["median_ms"], "the shelf says the same each time"
    assert row["latency_verdict"] == "steady"
    assert row["facts"] == {"row": 1, "threads": 1}
    assert not {"cold_ms", "starts", "memory_verdict", "machine_drift"} & set(row), "it tells none of them"
