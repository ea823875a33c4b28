"""Widths for a latency, measured on a network that reads digits, in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgesmith import OnnxModel, StageFailed, TfliteModel, TorchModel, UserError
from edgesmith.testing import LocalContext, Outcome, StageContract, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.prune import Prune
from edgesmith_stages.pruning.tune import TunePruning
from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

QUICK = {"latency": 0.97, "round_to": 8, "candidates": 1, "pairs": 1}


@pytest.mark.slow
class TestTunePruning(StageContract):
    """The contract of stages."""

    stage = TunePruning
    params = QUICK
    bad_params = ({}, {"latency": 1.5}, {**QUICK, "round_to": [8, 0]}, {**QUICK, "clock": "cpu", "threads": 2})

    @pytest.fixture(autouse=True)
    def _given(self, trained_model: TorchModel, onnx_model: Outcome) -> None:
        self.given = {"model": trained_model, "file": onnx_model.outputs["model"]}

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        return self.given

    def context(self, folder: Path) -> LocalContext:
        return LocalContext(folder, runtimes=[OnnxRuntime])


def tuned(folder: Path, model: TorchModel, file: Outcome, **params: Any) -> Outcome:
    inputs = {"model": model, "file": file.outputs["model"]}
    return run_stage(TunePruning, folder, inputs, {**QUICK, **params}, runtimes=[OnnxRuntime])


@pytest.mark.slow
def test_prune_makes_what_was_measured(trained_model: TorchModel, onnx_model: Outcome, tmp_path: Path) -> None:
    tuning = tuned(tmp_path / "tune", trained_model, onnx_model, candidates=2, pairs=2)
    assert tuning.figures["latency"] <= 0.97
    assert len(tuning.figures["latencies"]) == 2
    report = tuning.outputs["report"].read()  # type: ignore[attr-defined]
    assert report["format"] == "onnx"
    assert tuning.figures["macs"] in [trial["macs"] for trial in report["trials"]]
    inputs = {"model": trained_model, "widths": tuning.outputs["widths"]}
    made = run_stage(Prune, tmp_path / "made", inputs, {"finetune_epochs": 0, "threads": 1}, datasets=[Digits])
    assert round(made.figures["macs_after"] / made.figures["macs_before"], 4) == tuning.figures["macs"]


@pytest.mark.slow
def test_a_latency_out_of_reach_tells_the_least(trained_model: TorchModel, onnx_model: Outcome, tmp_path: Path) -> None:
    with pytest.raises(
        StageFailed, match=r"`latency: 0.001` can't be reached: \d\.\d+ of .*\n  round_to 8, ratio 1.000: "
    ):
        tuned(tmp_path, trained_model, onnx_model, latency=0.001)


@pytest.mark.slow
def test_another_models_file_is_refused(onnx_model: Outcome, tmp_path: Path, make_torch_model: Any) -> None:
    with pytest.raises(
        UserError, match=r"the onnx file takes \(32, 32\) images of 10 classes, and the model \(64, 64\)"
    ):
        tuned(tmp_path / "tune", make_torch_model(tmp_path / "other", size=64), onnx_model)


def test_the_format_to_measure_in_is_that_of_the_file() -> None:
    """Its exporter is asked for: litert-torch, in an environment of its own, for TFLite alone."""
    params = TunePruning.Params(latency=0.5)
    torch, onnx, tflite = ({"model": (TorchModel,), "file": file} for file in ((), (OnnxModel,), (TfliteModel,)))
    assert any(one.startswith("onnxslim") for one in TunePruning.toolchain(params, onnx).requirements)
    assert not any(one.startswith("onnx") for one in TunePruning.toolchain(params, torch).requirements)
    assert [sorted(TunePruning.tools(params, kinds)) for kinds in (torch, onnx, tflite)] == [[], [], ["litert-torch"]]


def test_one_multiple_needs_no_list() -> None:
    assert TunePruning.Params(latency=0.5, round_to=16).round_to == (16,)
    with pytest.raises(ValidationError, match="1 or more"):
        TunePruning.Params(latency=0.5, round_to=(8, 0))
