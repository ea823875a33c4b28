"""Export to TFLite, in the environment that the stage asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgesmith import TfliteModel, TorchModel
from edgesmith.testing import Outcome, folder_digest
from edgesmith_stages.export_tflite import ExportTflite
from edgesmith_stages.runtimes.litert import LiteRT

pytestmark = pytest.mark.slow


def test_the_file_agrees_with_torch(tflite_model: Outcome) -> None:
    """Figures, input contract, and a run by the LiteRT of this environment."""
    model, figures = tflite_model.outputs["model"], tflite_model.figures
    assert isinstance(model, TfliteModel)
    assert figures["sqnr_db"] > 100
    assert figures["agreement"] == 1
    assert figures["bytes"] == model.bytes()
    assert (model.contract.layout, model.contract.batch) == ("NHWC", 1)
    runtime = LiteRT()
    runtime.load(model, threads=1)
    pixels, logits = model.golden()
    np.testing.assert_allclose(runtime.predict(model.contract.feed(pixels[:1])), logits[:1], atol=1e-4)


def test_two_processes_give_one_digest(tflite_model: Outcome, trained_model: TorchModel, export_tflite: Any) -> None:
    """The contract of stages, which can't be tested in this environment."""
    again = export_tflite(trained_model)
    assert folder_digest(again.outputs["model"].path) == folder_digest(tflite_model.outputs["model"].path)


def test_tensors_are_named_after_modules(tflite_model: Outcome) -> None:
    """Short and unique, and nothing in the file tells of this machine."""
    from edgesmith_stages.formats.tflite import read

    content = tflite_model.outputs["model"].file.read_bytes()  # type: ignore[attr-defined]
    (graph,) = read(content).subgraphs
    names = [tensor.name.decode() for tensor in graph.tensors]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 60
    assert any(name.startswith("stem.") for name in names)
    assert b"site-packages" not in content


def test_an_operator_without_tflite_is_named(make_torch_model: Any, export_tflite: Any, tmp_path: Any) -> None:
    """Position embeddings resized in the forward pass, with the input left channels-first."""
    message = export_tflite(make_torch_model(tmp_path, "test_vit"), layout="NCHW")
    assert "litert-torch could not make a TFLite model at the operator aten._upsample_bicubic2d_aa" in message
    assert "hint: replace that operator" in message


def test_it_asks_for_an_environment_of_its_own() -> None:
    """Resolved as of a date, since litert-torch leaves its requirements open."""
    toolchain = ExportTflite.toolchain(ExportTflite.Params(), {})
    assert "litert-torch>=0.10,<0.11" in toolchain.requirements
    assert toolchain.exclude_newer
