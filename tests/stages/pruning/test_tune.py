"""Widths for a latency, measured on a small network in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgesmith import Artifact, OnnxModel, StageFailed, TfliteModel, TorchModel, UserError
from edgesmith.testing import LocalContext, Outcome, StageContract, run_stage
from edgesmith_stages.datasets.random_images import RandomImages
from edgesmith_stages.export_onnx import ExportOnnx
from edgesmith_stages.prune import Prune
from edgesmith_stages.pruning.tune import TunePruning
from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

QUICK = {"latency": 0.97, "round_to": 8, "candidates": 1, "pairs": 1}

Inputs = Mapping[str, Artifact]


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory, make_torch_model: Any) -> Inputs:
    """A torch model and its export."""
    folder = tmp_path_factory.mktemp("dense")
    model = make_torch_model(folder / "torch", size=64)
    return {"model": model, "file": run_stage(ExportOnnx, folder / "onnx", {"model": model}).outputs["model"]}


@pytest.mark.slow
class TestTunePruning(StageContract):
    """The contract of stages."""

    stage = TunePruning
    params = QUICK
    bad_params = ({}, {"latency": 1.5}, {**QUICK, "round_to": [8, 0]}, {**QUICK, "clock": "cpu", "threads": 2})

    @pytest.fixture(autouse=True)
    def _given(self, dense: Inputs) -> None:
        self.given = dense

    def inputs(self, folder: Path) -> Inputs:
        return self.given

    def context(self, folder: Path) -> LocalContext:
        return LocalContext(folder, runtimes=[OnnxRuntime])


def tuned(folder: Path, inputs: Inputs, **params: Any) -> Outcome:
    return run_stage(TunePruning, folder, inputs, {**QUICK, **params}, runtimes=[OnnxRuntime])


@pytest.mark.slow
def test_prune_makes_what_was_measured(dense: Inputs, tmp_path: Path) -> None:
    tuning = tuned(tmp_path / "tune", dense, candidates=2)
    assert tuning.figures["latency"] <= 0.97
    assert tuning.figures["latencies"] == [tuning.figures["latency"]]
    report = tuning.outputs["report"].read()  # type: ignore[attr-defined]
    assert report["format"] == "onnx"
    assert tuning.figures["macs"] in [trial["macs"] for trial in report["trials"]]
    inputs = {"model": dense["model"], "widths": tuning.outputs["widths"]}
    params = {"finetune_epochs": 0, "threads": 1, "data": "random"}
    made = run_stage(Prune, tmp_path / "made", inputs, params, datasets=[RandomImages])
    assert round(made.figures["macs_after"] / made.figures["macs_before"], 4) == tuning.figures["macs"]


@pytest.mark.slow
def test_a_latency_out_of_reach_tells_the_least(dense: Inputs, tmp_path: Path) -> None:
    message = r"`latency: 0.001` can't be reached: \d\.\d+ of .*\n  round_to 8, ratio 1.000: "
    with pytest.raises(StageFailed, match=message):
        tuned(tmp_path, dense, latency=0.001)


@pytest.mark.slow
def test_another_models_file_is_refused(dense: Inputs, tmp_path: Path, make_torch_model: Any) -> None:
    other = make_torch_model(tmp_path / "other", size=32)
    message = r"the onnx file takes \(64, 64\) images of 10 classes, and the model \(32, 32\)"
    with pytest.raises(UserError, match=message):
        tuned(tmp_path / "tune", {**dense, "model": other})


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
