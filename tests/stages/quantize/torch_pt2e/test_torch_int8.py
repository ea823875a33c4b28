"""Quantise a torch model, train one for int8, rebuild both, and export them: on real small models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import Cancelled, UserError
from edgesmith.testing import LocalContext, Outcome, RuntimeContract, StageContract, run_stage
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.export_onnx import ExportOnnx
from edgesmith_stages.models.recipe import Recipe, build, logits, read_weights
from edgesmith_stages.qat import Qat
from edgesmith_stages.quantize.stage import Quantize
from edgesmith_stages.quantize.torch_pt2e.artifact import QuantizedTorchModel
from edgesmith_stages.runtimes.torch_int8 import TorchInt8Runtime

pytest.importorskip("torchao")
pytestmark = pytest.mark.slow

STATIC = {"scheme": "int8", "backend": "torchao", "calibration": 16}
QAT = {"epochs": 2, "calibration": 16, "batch_size": 16, "threads": 1}


@pytest.fixture(scope="module")
def static(save_timm: Any, ref: Any, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A small network with SiLU and squeeze-and-excitation, quantised."""
    folder = tmp_path_factory.mktemp("static")
    source = save_timm(folder / "source")
    return run_stage(Quantize, folder, {"model": source}, {**STATIC, "data": ref}, datasets=[Folder])


@pytest.fixture(scope="module")
def trained(save_timm: Any, ref: Any, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The same network, fine-tuned for int8."""
    folder = tmp_path_factory.mktemp("trained")
    source = save_timm(folder / "source")
    return run_stage(Qat, folder, {"model": source}, {**QAT, "data": ref}, datasets=[Folder])


def model_of(outcome: Outcome) -> QuantizedTorchModel:
    """The stage's model."""
    model = outcome.outputs["model"]
    assert isinstance(model, QuantizedTorchModel)
    return model


def test_it_computes_nearly_the_same_in_a_third_of_the_bytes(static: Outcome) -> None:
    assert static.figures["sqnr_db"] > 15
    assert static.figures["ratio"] < 0.4
    assert static.figures["int8_weights"] == 18


def test_weights_are_int8_and_the_recipe_says_how_to_rebuild_it(static: Outcome) -> None:
    import torch

    model = model_of(static)
    types = {name: value.dtype for name, value in read_weights(model.path).items()}
    assert types["body.conv_stem.weight"] == torch.int8
    assert Recipe.read(model.path).changes[-1].op == "quantize-pt2e"
    once, again = (logits(build(model.path), model.contract, model.golden()[0]) for _ in range(2))
    assert (once == again).all()


@pytest.mark.parametrize("which", ["static", "trained"])
def test_onnx_is_int8_too_with_the_same_ranges(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    import onnx

    model = model_of(request.getfixturevalue(which))
    made = run_stage(ExportOnnx, tmp_path, {"model": model})
    # A step of this untrained network's logits is a tenth of them.
    assert made.figures["sqnr_db"] > 15
    file = onnx.load(made.outputs["model"].file)  # type: ignore[attr-defined]
    convolutions = [node for node in file.graph.node if node.op_type == "Conv"]
    makers = {node.output[0]: node.op_type for node in file.graph.node}
    assert all([makers[name] for name in node.input[:2]] == ["DequantizeLinear"] * 2 for node in convolutions)
    assert made.outputs["model"].bytes() < 1.5 * model.bytes()  # type: ignore[attr-defined]


def test_tflite_is_int8_too_with_the_same_ranges(static: Outcome, export_tflite: Any) -> None:
    made = export_tflite(model_of(static))
    assert isinstance(made, Outcome), made
    assert made.figures["int8_ops"] >= 0.9 * made.figures["ops"]
    assert made.figures["sqnr_db"] > 15
    assert made.outputs["model"].bytes() < 1.5 * model_of(static).bytes()  # type: ignore[attr-defined]


def test_training_tells_what_it_brought(trained: Outcome) -> None:
    figures = trained.figures
    assert {"top1_float", "top1_static", "top1", "loss", "sqnr_db"} <= set(figures)
    assert figures["epochs"] == 2
    model = model_of(trained)
    np.testing.assert_array_equal(logits(build(model.path), model.contract, model.golden()[0]), model.golden()[1])


def test_training_stopped_in_the_middle_ends_with_the_same_bytes(
    trained: Outcome, save_timm: Any, ref: Any, tmp_path: Path
) -> None:
    source = save_timm(tmp_path / "source")
    params = Qat.Params.model_validate({**QAT, "data": ref})

    class Stopped(LocalContext):
        """Cancelled in the second epoch."""

        def progress(self, done: float, total: float, **figures: float | str) -> None:
            self.cancelled = figures.get("epoch") == 2

    with pytest.raises(Cancelled):
        Qat().run(Stopped(tmp_path, datasets=[Folder]), {"model": source}, params)
    again = LocalContext(tmp_path, datasets=[Folder])
    Qat().run(again, {"model": source}, params)
    assert (again.out("model") / "weights.safetensors").read_bytes() == model_of(trained).file.read_bytes()


def test_excluded_operators_stay_in_float(save_timm: Any, ref: Any, static: Outcome, tmp_path: Path) -> None:
    params = {**STATIC, "data": ref, "exclude": ["mul", "sigmoid", "linear"]}
    made = run_stage(Quantize, tmp_path, {"model": save_timm(tmp_path / "source")}, params, datasets=[Folder])
    assert made.figures["int8_weights"] == static.figures["int8_weights"] - 1
    assert made.figures["int8_activations"] < static.figures["int8_activations"]
    assert made.figures["sqnr_db"] > static.figures["sqnr_db"] - 3


def test_an_average_of_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="`ema_decay` does not go with ranges that are learned"):
        Qat.Params.model_validate({"ema_decay": 0.99})


def test_unknown_operators_are_refused(save_timm: Any, ref: Any, tmp_path: Path) -> None:
    params = {**STATIC, "data": ref, "exclude": ["conv"]}
    with pytest.raises(UserError, match="did you mean 'conv2d'"):
        run_stage(Quantize, tmp_path, {"model": save_timm(tmp_path / "source")}, params, datasets=[Folder])


class TestQatContract(StageContract):
    """The contract of stages; it trains twice and gets the same bytes."""

    stage = Qat

    @pytest.fixture(autouse=True)
    def _given(self, save_timm: Any, ref: Any) -> None:
        self.save, self.params = save_timm, {**QAT, "epochs": 1, "data": ref.model_dump()}

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """A small network with random weights."""
        return {"model": self.save(folder / "source")}

    def context(self, folder: Path) -> LocalContext:
        """A context that knows the photos."""
        return LocalContext(folder, datasets=[Folder])


class TestTorchInt8Contract(RuntimeContract):
    """The contract of runtimes; sums in another order may round a logit to the next step."""

    runtime = TorchInt8Runtime
    tolerance = 0.005

    @pytest.fixture(autouse=True)
    def _given(self, trained: Outcome) -> None:
        self.made = model_of(trained)

    def model(self, folder: Path) -> QuantizedTorchModel:
        """The quantised network."""
        return self.made
