"""The stage `quantize-openvino`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgesmith import Dataset, OnnxModel, StageFailed, UserError
from edgesmith.testing import LocalContext, Outcome, StageContract, run_stage
from edgesmith_openvino.model import OpenVinoModel
from edgesmith_openvino.quantize import QuantizeOpenVino

MakeContext = Callable[[Path], LocalContext]
Quantise = Callable[..., Outcome]
FEW = {"data": "digits", "calibration": 20}


@pytest.fixture
def quantise(context: MakeContext, tmp_path: Path) -> Quantise:
    """Run the stage on a model with a few images."""

    def run(model: OpenVinoModel, **params: Any) -> Outcome:
        return run_stage(QuantizeOpenVino, tmp_path, {"model": model}, {**FEW, **params}, context=context(tmp_path))

    return run


@pytest.mark.slow
class TestContract(StageContract):
    """The contract of stages."""

    stage = QuantizeOpenVino
    params = FEW
    bad_params = ({}, {"data": "digits", "calibration": 1439}, {"data": "digits", "preset": "fast"})

    @pytest.fixture(autouse=True)
    def _fixtures(
        self, make_onnx: Callable[..., OnnxModel], convert: Callable[..., OpenVinoModel], context: MakeContext
    ) -> None:
        self.make_onnx, self.convert, self.make_context = make_onnx, convert, context

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """The classifier, for any number of images."""
        return {"model": self.convert(self.make_onnx(folder / "onnx", batch=None), folder / "float")}

    def context(self, folder: Path) -> LocalContext:
        """With the digits."""
        return self.make_context(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"preset": "performance"},
        {"calibration_method": "mean-minmax"},
        {"fast_bias_correction": False},
        {"transformer": True},
    ],
    ids=str,
)
def test_int8_stays_near_the_float_file(quantise: Quantise, float_model: OpenVinoModel, params: dict[str, Any]) -> None:
    """With every option."""
    made = quantise(float_model, **params)
    assert made.figures["sqnr_db"] > 20
    assert made.figures["quantizers"] > 0
    assert made.figures["calibration_images"] == 20


@pytest.mark.slow
def test_weights_become_integers_of_a_quarter(quantise: Quantise, float_model: OpenVinoModel) -> None:
    """In the file."""
    made = quantise(float_model).outputs["model"]
    assert isinstance(made, OpenVinoModel)
    sizes = [model.xml.with_suffix(".bin").stat().st_size for model in (made, float_model)]
    assert sizes[0] < 0.45 * sizes[1]
    assert b'element_type="i8"' in made.xml.read_bytes()


@pytest.mark.slow
def test_what_is_ignored_stays_in_float(quantise: Quantise, float_model: OpenVinoModel) -> None:
    """Here the linear layer and one of two convolutions."""
    counts = []
    for scope in ({}, {"types": ["MatMul"], "patterns": ["second"]}):
        made = quantise(float_model, ignored_scope=scope).outputs["model"]
        counts.append(OpenVinoModel(made.path).xml.read_bytes().count(b'element_type="i8"'))
    assert counts == [3, 1]


@pytest.mark.slow
def test_a_half_precision_file_can_be_quantised(
    quantise: Quantise, onnx_model: OnnxModel, convert: Callable[..., OpenVinoModel], tmp_path: Path
) -> None:
    """Its weights are widened first."""
    assert quantise(convert(onnx_model, tmp_path / "half", half=True)).figures["sqnr_db"] > 20


@pytest.mark.slow
def test_a_quantised_file_is_not_quantised_again(
    quantise: Quantise, float_model: OpenVinoModel, context: MakeContext, tmp_path: Path
) -> None:
    """The pipeline's wiring is wrong."""
    made = quantise(float_model).outputs["model"]
    again = tmp_path / "again"
    with pytest.raises(UserError, match="the model is quantised already"):
        run_stage(QuantizeOpenVino, again, {"model": made}, FEW, context=context(again))


@pytest.mark.slow
def test_a_file_under_the_bar_is_refused(quantise: Quantise, float_model: OpenVinoModel) -> None:
    """If a bar is set."""
    with pytest.raises(StageFailed, match=r"the quantised file does not compute.*expected at least 90"):
        quantise(float_model, min_sqnr=90)


@pytest.mark.slow
def test_a_file_far_from_its_source_is_warned_of(
    quantise: Quantise, float_model: OpenVinoModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the run's log."""
    monkeypatch.setattr("edgesmith_openvino.quantize.LOW_SQNR", 90)
    with caplog.at_level(logging.WARNING):
        quantise(float_model)
    assert "quantised far from its source" in caplog.text


def test_more_images_than_there_are_is_refused_before_the_run(digits: type[Dataset]) -> None:
    """With how many there are."""
    params = QuantizeOpenVino.Params(data="digits", calibration=1439)
    with pytest.raises(UserError, match="'digits' has 1438"):
        QuantizeOpenVino.check(params, {}, {"data": digits(digits.Params())})


@pytest.mark.parametrize(
    "given",
    [{}, {"data": "digits", "calibration": 0}, {"data": "digits", "preset": "fast"},
     {"data": "digits", "ignored_scope": {"type": ["MatMul"]}}],
)  # fmt: skip
def test_params_out_of_range_are_refused(given: dict[str, Any]) -> None:
    """By the model of the params."""
    with pytest.raises(ValidationError):
        QuantizeOpenVino.Params(**given)
