"""Quantised TFLite files, of a network that reads digits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgesmith import StageFailed, TfliteModel, UserError
from edgesmith.testing import LocalContext, Outcome, StageContract, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.quantize.stage import Quantize
from edgesmith_stages.quantize.tflite import excluded

pytestmark = pytest.mark.slow

INT8 = {"scheme": "int8", "data": "digits", "calibration": 128}


class TestQuantizeTflite(StageContract):
    """The contract of stages."""

    stage = Quantize
    params = INT8

    @pytest.fixture(autouse=True)
    def _source(self, tflite_model: Outcome) -> None:
        self.source = tflite_model.outputs["model"]

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


@pytest.mark.parametrize(
    ("scheme", "ratio", "sqnr"),
    [("fp16", 0.6, 50), ("weight-int8", 0.45, 25), ("dynamic-int8", 0.45, 20), ("int8", 0.45, 15)],
)
def test_smaller_and_still_right(
    tflite_model: Outcome, tmp_path: Path, right: Any, scheme: str, ratio: float, sqnr: float
) -> None:
    """Within 0.01 of the float model on the held-out digits, through the same float input."""
    made = quantised(tflite_model, tmp_path, **{**INT8, "scheme": scheme})
    model = made.outputs["model"]
    assert isinstance(model, TfliteModel)
    assert right(model) >= right(tflite_model.outputs["model"]) - 0.01
    assert made.figures["ratio"] < ratio
    assert made.figures["sqnr_db"] > sqnr
    assert (made.figures["int8_ops"] > 0) == (scheme == "int8")
    assert model.contract == tflite_model.outputs["model"].contract  # type: ignore[attr-defined]


def test_what_the_user_leaves_in_float(tflite_model: Outcome, tmp_path: Path) -> None:
    """Convolutions in float stay large; an operator that the file doesn't have is refused."""
    assert quantised(tflite_model, tmp_path / "part", **INT8, exclude=["CONV_2D"]).figures["ratio"] > 0.6
    with pytest.raises(UserError, match="unknown operator in `exclude` 'CONV2D'; did you mean 'CONV_2D'"):
        quantised(tflite_model, tmp_path / "none", **INT8, exclude=["CONV2D"])


def test_what_is_left_in_float_by_default() -> None:
    """For int8 those operators that it makes slower, unless the user gives a list; for other schemes none."""
    present = ["CONV_2D", "MEAN", "SOFTMAX"]
    assert excluded(Quantize.Params(scheme="int8"), present) == ("SOFTMAX", "MEAN")
    assert excluded(Quantize.Params(scheme="int8", exclude=()), present) == ()
    assert excluded(Quantize.Params(scheme="fp16"), present) == ()


def test_a_result_under_the_bar_is_refused(tflite_model: Outcome, tmp_path: Path) -> None:
    """`min_sqnr` holds for quantised files too."""
    with pytest.raises(StageFailed, match=r"the quantised file .* expected at least 90"):
        quantised(tflite_model, tmp_path, **INT8, min_sqnr=90)
