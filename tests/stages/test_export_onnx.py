"""Export to ONNX, on small real models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import OnnxModel, StageFailed, TorchModel
from edgesmith.testing import Outcome, StageContract, run_stage
from edgesmith_stages.export_onnx import ExportOnnx

pytestmark = pytest.mark.slow


class TestExportOnnx(StageContract):
    """The contract of stages, with a fixed batch and without simplification."""

    stage = ExportOnnx
    params = {"slim": False, "opset": 18}

    @pytest.fixture(autouse=True)
    def _source(self, make_torch_model: Any) -> None:
        self.make = make_torch_model

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """A small residual network with random weights."""
        return {"model": self.make(folder, "test_resnet")}


def test_the_file_takes_any_batch_and_agrees(onnx_model: Outcome, trained_model: TorchModel) -> None:
    """Figures, input contract, and a run by hand."""
    import onnxruntime

    model, figures = onnx_model.outputs["model"], onnx_model.figures
    assert isinstance(model, OnnxModel)
    assert figures["sqnr_db"] > 100
    assert figures["agreement"] == 1
    assert (figures["opset"], figures["bytes"]) == (20, model.bytes())
    assert model.contract.batch is None
    assert model.contract.classes == trained_model.contract.classes
    session = onnxruntime.InferenceSession(str(model.file))
    pixels, logits = model.golden()
    assert session.get_inputs()[0].name == "image"
    for count in (1, 3):
        (found,) = session.run(["logits"], {"image": model.contract.feed(pixels[:count])})
        np.testing.assert_allclose(found, logits[:count], atol=1e-4)


def test_the_file_says_nothing_of_this_machine(onnx_model: Outcome) -> None:
    """torch's exporter writes stack traces with paths into every node."""
    content = onnx_model.outputs["model"].file.read_bytes()  # type: ignore[attr-defined]
    assert b"site-packages" not in content
    assert b"File " not in content


def test_a_transformer_exports(tmp_path: Path, make_torch_model: Any) -> None:
    """Attention, layer norms and reshapes, with an open batch."""
    source = make_torch_model(tmp_path / "source", "test_vit", img_size=32)
    made = run_stage(ExportOnnx, tmp_path / "out", {"model": source}, {"dynamic_batch": True})
    assert made.figures["sqnr_db"] > 100


def test_an_unreachable_bar_fails(tmp_path: Path, make_torch_model: Any) -> None:
    """Under `min_sqnr` nothing is delivered."""
    source = make_torch_model(tmp_path / "source", "test_resnet")
    with pytest.raises(StageFailed, match="the ONNX file does not compute what its source does"):
        run_stage(ExportOnnx, tmp_path / "out", {"model": source}, {"min_sqnr": 199})


def test_an_operator_without_onnx_is_named(tmp_path: Path, make_odd_model: Any) -> None:
    """One message, no traceback."""
    with pytest.raises(StageFailed, match=r"at the operator prims\.bessel_j0"):
        run_stage(ExportOnnx, tmp_path / "out", {"model": make_odd_model(tmp_path / "source")})
