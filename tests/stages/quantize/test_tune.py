"""Finding out what to quantise, on a network that reads digits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgesmith import DatasetRef, OnnxModel, Report, StageFailed, TfliteModel, UserError
from edgesmith.testing import LocalContext, Outcome, StageContract, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.quantize.assignment import NOT_FASTER
from edgesmith_stages.quantize.sensitivity import Sensitivity
from edgesmith_stages.quantize.stage import Quantize
from edgesmith_stages.quantize.tune import TunePrecision
from edgesmith_stages.runtimes.litert import LiteRT
from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

QUICK = {"data": "digits", "calibration": 32, "roles": 1, "rounds": 2, "pairs": 1, "blocks": 4}


def tuned(source: Outcome, folder: Path, **params: Any) -> Outcome:
    """Run the stage on an exported model."""
    return run_stage(
        TunePrecision,
        folder,
        source.outputs,
        {**QUICK, **params},
        datasets=[Digits],
        runtimes=[LiteRT, OnnxRuntime],
    )


def quantised(source: Outcome, tuning: Outcome, folder: Path) -> Outcome:
    """Quantise it as tuning decided."""
    inputs = {**source.outputs, "assignment": tuning.outputs["assignment"]}
    return run_stage(
        Quantize, folder, inputs, {"scheme": "auto", "data": "digits", "calibration": 32}, datasets=[Digits]
    )


@pytest.mark.slow
def test_what_is_delivered_is_what_was_measured(tflite_model: Outcome, tmp_path: Path) -> None:
    """The same choice gives the same bytes, whoever makes the file; every candidate is in the report."""
    tuning = tuned(tflite_model, tmp_path / "tune", max_drop=0.02)
    report = tuning.outputs["report"].read()  # type: ignore[attr-defined]
    assert {"int8", "dynamic-int8", "fp16"} <= {trial["label"] for trial in report["trials"]}
    assert tuning.figures["ratio"] < 1
    assert tuning.figures["drop"] <= 0.02
    assert tuning.figures["images"] == 359
    first, second = (quantised(tflite_model, tuning, tmp_path / name) for name in ("first", "second"))
    assert isinstance(first.outputs["model"], TfliteModel)
    contents = {made.outputs["model"].file.read_bytes() for made in (first, second)}  # type: ignore[attr-defined]
    assert len(contents) == 1
    assert first.figures["bytes"] == tuning.figures["bytes"]
    assert first.figures["assigned"] == tuning.figures["scheme"]


@pytest.mark.slow
def test_nothing_slower_than_float_is_delivered(onnx_model: Outcome, tmp_path: Path) -> None:
    """Where nothing fits the budget the float file goes on as it is, and says why; or the node fails."""
    kept = tuned(onnx_model, tmp_path / "keep", max_bytes="0.01x")
    assert (kept.figures["scheme"], kept.figures["ratio"], kept.figures["drop"]) == ("float", 1, 0)
    made = quantised(onnx_model, kept, tmp_path / "made")
    assert isinstance(made.outputs["model"], OnnxModel)
    source = onnx_model.outputs["model"]
    assert made.outputs["model"].file.read_bytes() == source.file.read_bytes()  # type: ignore[attr-defined]
    assert made.figures["kept"] == {NOT_FASTER: "all operations"}
    report = kept.outputs["report"].read()  # type: ignore[attr-defined]
    assert {"int8", "dynamic-int8", "fp16"} <= {trial["label"] for trial in report["trials"]}
    with pytest.raises(StageFailed, match=r"no candidate within budget(.|\n)*int8: "):
        tuned(onnx_model, tmp_path / "fail", max_bytes="0.01x", on_regress="fail", roles=0)


@pytest.mark.slow
def test_answers_are_compared_with_labels_by_the_classes_names(
    onnx_model: Outcome, some_digits: DatasetRef, tmp_path: Path
) -> None:
    """The model knows ten digits, the data only 1 and 3."""
    params = {"data": some_digits, "calibration": 16, "blocks": 2}
    made = run_stage(Sensitivity, tmp_path / "out", onnx_model.outputs, params, datasets=[Folder])
    assert made.figures["float_top1"] > 0.8


@pytest.mark.slow
def test_sensitivity_ranks_blocks_and_tuning_takes_its_word(onnx_model: Outcome, tmp_path: Path) -> None:
    """One block in int8 is nearer to the float file than all of them."""
    params = {"data": "digits", "calibration": 32, "images": 64, "blocks": 4}
    inputs, reports = onnx_model.outputs, {}
    for mode in ("one", "all-but-one"):
        made = run_stage(Sensitivity, tmp_path / mode, inputs, {**params, "mode": mode}, datasets=[Digits])
        reports[mode] = made.figures
        assert len(made.figures["blocks"]) == 4
    noise = [row["sqnr_db"] for row in reports["one"]["blocks"]]
    assert noise == sorted(noise)
    assert noise[0] > reports["one"]["int8"]["sqnr_db"] == reports["all-but-one"]["int8"]["sqnr_db"]
    left = [row["sqnr_db"] for row in reports["all-but-one"]["blocks"]]
    assert left == sorted(left, reverse=True)
    with_report = {**inputs, "sensitivity": made.outputs["report"]}
    tuning = tuned(Outcome(with_report, {}), tmp_path / "tune", max_drop=0, roles=0)
    assert tuning.figures["drop"] <= 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_latency": "fast"}, "`max_latency`: expected a number"),
        ({"calibration": 1439}, "'digits' has 1438"),
        ({"threads": 2, "clock": "cpu"}, "CPU time says nothing about latency with several threads"),
    ],
)
def test_refused_before_the_run(given: dict[str, Any], message: str) -> None:
    """Each with what there is instead."""
    with pytest.raises(UserError, match=message):
        TunePrecision.check(
            TunePrecision.Params(**{**QUICK, **given}), {"model": (OnnxModel,)}, {"data": Digits(Digits.Params())}
        )


@pytest.mark.parametrize(
    ("params", "connected", "message"),
    [
        ({"scheme": "auto"}, False, "goes with an assignment"),
        ({"scheme": "int8"}, True, "goes with an assignment"),
        ({"scheme": "auto", "exclude": ["Conv"]}, True, "`exclude` does not go with"),
    ],
)
def test_an_assignment_goes_with_auto(params: dict[str, Any], connected: bool, message: str) -> None:
    """And neither is taken alone."""
    kinds = {"model": (OnnxModel,), "assignment": (Report,) if connected else ()}
    with pytest.raises(UserError, match=message) as refused:
        Quantize.check(Quantize.Params(**params, data="digits"), kinds, {})
    if not connected:
        assert "tuned: {uses: tune-precision" in str(refused.value.hint)


class OnDigits(StageContract):
    """What both stages are tried on."""

    @pytest.fixture(autouse=True)
    def _source(self, onnx_model: Outcome) -> None:
        self.source = onnx_model.outputs["model"]

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """The trained network."""
        folder.mkdir(exist_ok=True)
        return {"model": self.source}

    def context(self, folder: Path) -> LocalContext:
        """With the dataset, and the runtime to measure in."""
        return LocalContext(folder, datasets=[Digits], runtimes=[OnnxRuntime])


@pytest.mark.slow
class TestSensitivity(OnDigits):
    """The contract of stages: the same report twice."""

    stage = Sensitivity
    params = {"data": "digits", "calibration": 8, "images": 8, "blocks": 2}


@pytest.mark.slow
class TestTunePrecision(OnDigits):
    """The contract of stages."""

    stage = TunePrecision
    params = {**QUICK, "roles": 0, "max_drop": 1, "images": 8}


@pytest.mark.slow
def test_a_report_of_another_stage_is_refused_before_anything_is_measured(onnx_model: Outcome, tmp_path: Path) -> None:
    report = Report(tmp_path / "report")
    report.path.mkdir()
    (report.path / "report.json").write_text('{"models": []}')
    with pytest.raises(UserError, match="the report connected to `sensitivity` is of another stage"):
        tuned(Outcome({**onnx_model.outputs, "sensitivity": report}, {}), tmp_path / "tune")
