"""The stage `export-openvino`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgesmith import OnnxModel, StageFailed
from edgesmith.testing import LocalContext, StageContract, run_stage
from edgesmith_openvino.export import ExportOpenVino

MakeOnnx = Callable[..., OnnxModel]
MakeContext = Callable[[Path], LocalContext]


class TestContract(StageContract):
    """The contract of stages."""

    stage = ExportOpenVino
    params = {"precision": "fp16"}
    bad_params = ({"precision": "int8"}, {"min_sqnr": "high"})

    @pytest.fixture(autouse=True)
    def _fixtures(self, make_onnx: MakeOnnx, context: MakeContext) -> None:
        self.make_onnx, self.make_context = make_onnx, context

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """The classifier as ONNX."""
        return {"model": self.make_onnx(folder)}

    def context(self, folder: Path) -> LocalContext:
        """With both runtimes."""
        return self.make_context(folder)


@pytest.mark.parametrize(("precision", "least", "most"), [("fp32", 100, 201), ("fp16", 50, 80)])
def test_the_file_computes_what_the_onnx_file_does(
    precision: str, least: float, most: float, onnx_model: OnnxModel, context: MakeContext, tmp_path: Path
) -> None:
    """On the golden images and on noise, in the two files' own runtimes."""
    made = run_stage(
        ExportOpenVino, tmp_path, {"model": onnx_model}, {"precision": precision}, context=context(tmp_path)
    )
    assert least < made.figures["sqnr_db"] < most
    assert made.figures["agreement"] == 1
    assert made.figures["bytes"] == made.outputs["model"].bytes()


def test_an_open_batch_stays_open(make_onnx: MakeOnnx, context: MakeContext, tmp_path: Path) -> None:
    """And is checked at two sizes."""
    source = make_onnx(tmp_path / "onnx", batch=None)
    made = run_stage(ExportOpenVino, tmp_path, {"model": source}, context=context(tmp_path))
    assert made.figures["sqnr_db"] > 100
    assert made.outputs["model"].contract.batch is None


def test_a_file_under_the_bar_is_refused(onnx_model: OnnxModel, context: MakeContext, tmp_path: Path) -> None:
    """Half precision can't give 90 dB."""
    params = {"precision": "fp16", "min_sqnr": 90}
    with pytest.raises(StageFailed, match=r"the OpenVINO file does not compute.*expected at least 90"):
        run_stage(ExportOpenVino, tmp_path, {"model": onnx_model}, params, context=context(tmp_path))


def test_an_operator_that_openvino_does_not_know_is_named(
    onnx_model: OnnxModel, context: MakeContext, tmp_path: Path
) -> None:
    """In one line."""
    import onnx

    graph = onnx.load(onnx_model.file)
    graph.graph.node[1].op_type, graph.graph.node[1].domain = "Bessel", "acme"
    graph.opset_import.append(onnx.helper.make_opsetid("acme", 1))
    odd = OnnxModel(tmp_path)
    onnx.save(graph, odd.file)
    with pytest.raises(StageFailed, match=r"OpenVINO could not make an OpenVINO model: .*acme\.Bessel\n"):
        run_stage(ExportOpenVino, tmp_path / "out", {"model": odd}, context=context(tmp_path / "out"))
