"""Quantised TFLite files, of a network that reads digits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import StageFailed, TfliteModel, UserError
from edgesmith.testing import LocalContext, Outcome, StageContract, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.quantize.graph import of_types, roles
from edgesmith_stages.quantize.stage import Quantize
from edgesmith_stages.quantize.tflite import TfliteQuantiser

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


def test_operations_can_be_left_in_float_by_name(tflite_model: Outcome, tmp_path: Path) -> None:
    """Each alone, though names hold what regular expressions read otherwise; all of them is the float file."""
    source = tflite_model.outputs["model"]
    assert isinstance(source, TfliteModel)
    images = np.zeros((1, *source.contract.size, 3), np.uint8)
    quantiser = TfliteQuantiser(source, images)
    convolutions = roles(quantiser.operations)["CONV_2D with constants"]
    assert len(convolutions) > 2
    sizes = []
    for keep in ((), convolutions[-1:], convolutions, [one.name for one in quantiser.operations]):
        figures = quantiser.write("int8", keep, tmp_path / "made")
        sizes.append((tmp_path / "made").stat().st_size)
    assert sizes == sorted(set(sizes))
    assert figures["int8_ops"] == 0
    assert quantiser.slow("int8") == of_types(quantiser.operations, ("MEAN",))
    assert quantiser.slow("fp16") == ()


def test_a_file_does_not_depend_on_those_made_before(tflite_model: Outcome, tmp_path: Path) -> None:
    """Candidates are measured by the dozen; the one that is delivered is made alone."""
    source = tflite_model.outputs["model"]
    assert isinstance(source, TfliteModel)
    images = np.random.default_rng(0).integers(0, 256, (4, *source.contract.size, 3), np.uint8)
    quantiser = TfliteQuantiser(source, images)
    quantiser.write("int8", (), tmp_path / "before")
    keep = quantiser.slow("int8")
    quantiser.write("int8", keep, tmp_path / "after")
    TfliteQuantiser(source, images).write("int8", keep, tmp_path / "alone")
    assert (tmp_path / "after").read_bytes() == (tmp_path / "alone").read_bytes()


def test_the_order_of_the_images_does_not_matter(tflite_model: Outcome, tmp_path: Path) -> None:
    """Ranges are the true extremes; the library's own moving average would forget the first images."""
    source = tflite_model.outputs["model"]
    assert isinstance(source, TfliteModel)
    images = np.random.default_rng(0).integers(0, 256, (8, *source.contract.size, 3), np.uint8)
    contents = []
    for order in (slice(None), slice(None, None, -1)):
        TfliteQuantiser(source, images[order]).write("int8", (), tmp_path / "made")
        contents.append((tmp_path / "made").read_bytes())
    assert contents[0] == contents[1]


def test_a_result_under_the_bar_is_refused(tflite_model: Outcome, tmp_path: Path) -> None:
    """`min_sqnr` holds for quantised files too."""
    with pytest.raises(StageFailed, match=r"the quantised file .* expected at least 90"):
        quantised(tflite_model, tmp_path, **INT8, min_sqnr=90)
