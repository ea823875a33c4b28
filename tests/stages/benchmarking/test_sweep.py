"""One model at several image sizes."""

import pytest

from edgesmith.sections import read_sections
from edgesmith.testing import run_stage
from edgesmith_stages.benchmark import Benchmark

PARAMS = {"runs": 3, "rounds": 1, "warmup": 0, "score": False, "sizes": [8, 16, [16, 24]]}


@pytest.mark.slow
def test_a_model_that_takes_any_size_is_timed_at_each(tmp_path, labourer, labour):
    models = [labourer(tmp_path / "any"), labourer(tmp_path / "fixed", "picky")]
    made = run_stage(Benchmark, tmp_path, {"models": models}, PARAMS, context=labour(tmp_path / "out"))
    free, fixed = made.figures["models"]
    assert all(free[f"median_ms_at_{size}"] > 0 for size in ("8", "16", "16x24"))
    assert fixed["median_ms_at_8"] > 0
    assert "median_ms_at_16" not in fixed
    assert fixed["status_at_16"] == "not run: fixed shape (labourer: ValueError: Got: 16 Expected: 8)"
    assert (free["status"], fixed["status"]) == ("ok", "ok")
    sections, problems = read_sections(made.outputs["report"].read()["sections"])
    assert problems == []
    (curve,) = (one for one in sections if one.shape == "curves")
    assert [round(place, 1) for place in curve.at] == [8, 16, 19.6]
