"""Halves as one of the schemes that tuning chooses from."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesmith import Report
from edgesmith.testing import Outcome, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.quantize.assignment import Assignment
from edgesmith_stages.quantize.stage import Quantize


@pytest.mark.slow
def test_an_assignment_of_halves_makes_what_the_scheme_makes(onnx_model: Outcome, tmp_path: Path) -> None:
    """Byte for byte, and again from the same assignment."""
    (tmp_path / "report").mkdir()
    Assignment("onnx", "fp16").write(tmp_path / "report")
    inputs = {**onnx_model.outputs, "assignment": Report(tmp_path / "report")}
    named = run_stage(Quantize, tmp_path / "named", onnx_model.outputs, {"scheme": "fp16"})
    assigned = run_stage(
        Quantize, tmp_path / "assigned", inputs, {"scheme": "auto", "data": "digits"}, datasets=[Digits]
    )
    files = [made.outputs["model"].file.read_bytes() for made in (named, assigned)]  # type: ignore[attr-defined]
    assert files[0] == files[1]
    assert assigned.figures["assigned"] == "fp16"
    assert assigned.figures["half_sqnr_db"] == named.figures["half_sqnr_db"]
