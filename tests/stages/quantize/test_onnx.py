"""Quantised ONNX files, of a network that reads digits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgesmith import OnnxModel, UserError
from edgesmith.testing import LocalContext, Outcome, StageContract, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.quantize.stage import Quantize

pytestmark = pytest.mark.slow

INT8 = {"scheme": "int8", "data": "digits", "calibration": 128}


class TestQuantizeOnnx(StageContract):
    """The contract of stages."""

    stage = Quantize
    params = INT8

    @pytest.fixture(autouse=True)
    def _source(self, onnx_model: Outcome) -> None:
        self.source = onnx_model.outputs["model"]

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """The trained network."""
        folder.mkdir(exist_ok=True)
        return {"model": self.source}

    def context(self, folder: Path) -> LocalContext:
        """With the dataset to calibrate on."""
        return LocalContext(folder, datasets=[Digits])


def quantised(source: Outcome, folder: Path, **params: Any) -> Outcome:
    """Run the stage on the exported model."""
    return run_stage(Quantize, folder, source.outputs, params, datasets=[Digits])


def test_static_int8_keeps_the_answers_by_each_method(onnx_model: Outcome, tmp_path: Path, right: Any) -> None:
    """Per channel: within 0.01 of the float model on the held-out digits, and three different files."""
    contents, floor = set(), right(onnx_model.outputs["model"]) - 0.01
    for method in ("minmax", "percentile", "entropy"):
        made = quantised(onnx_model, tmp_path / method, **INT8, calibration_method=method)
        model = made.outputs["model"]
        assert isinstance(model, OnnxModel)
        assert right(model) >= floor
        assert made.figures["ratio"] < 0.5
        assert made.figures["calibration_images"] == 128
        assert made.figures["sqnr_db"] > 15
        contents.add(model.file.read_bytes())
    assert len(contents) == 3


def test_dynamic_int8_and_what_is_left_out(onnx_model: Outcome, tmp_path: Path) -> None:
    """Convolutions left in float stay large."""
    whole = quantised(onnx_model, tmp_path / "whole", scheme="dynamic-int8")
    part = quantised(onnx_model, tmp_path / "part", scheme="dynamic-int8", exclude=["Conv"])
    assert whole.figures["ratio"] < 0.5 < part.figures["ratio"]
    with pytest.raises(UserError, match="unknown operator in `exclude` 'Convv'; did you mean 'Conv'"):
        quantised(onnx_model, tmp_path / "none", scheme="dynamic-int8", exclude=["Convv"])


def test_corrected_biases_are_nearer_to_the_float_file(onnx_model: Outcome, tmp_path: Path, right: Any) -> None:
    """With one scale for all channels of a weight, where rounding shifts most; the answers stay."""
    params = {**INT8, "calibration": 16, "granularity": "per_tensor", "bias_correction": True}
    made = quantised(onnx_model, tmp_path, **params)
    assert made.figures["bias_corrected"] >= 20
    assert made.figures["bias_kept"]
    assert made.figures["bias_sqnr_db"] > made.figures["bias_sqnr_db_before"]
    model = made.outputs["model"]
    assert isinstance(model, OnnxModel)
    assert right(model) >= right(onnx_model.outputs["model"]) - 0.02
