"""Export to Core ML, on small real models, checked by the reference runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgesmith import CoreMLModel, InputContract, StageFailed, UserError
from edgesmith.testing import Outcome, StageContract, run_stage
from edgesmith_stages.export_coreml import ExportCoreML, file_contract


@pytest.mark.slow
class TestExportCoreML(StageContract):
    """The contract of stages, with a plain array as input."""

    stage = ExportCoreML
    params = {"image_input": False, "labels": False, "precision": "fp32", "target": "iOS15"}

    @pytest.fixture(autouse=True)
    def _source(self, make_torch_model: Any) -> None:
        self.make = make_torch_model

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """A small residual network with random weights."""
        return {"model": self.make(folder, "test_resnet")}


@pytest.mark.slow
def test_an_image_goes_in_and_labels_come_out(coreml_model: Outcome) -> None:
    """Names, types, sizes, metadata and the input contract."""
    from edgesmith_stages.formats.coreml import spec_of

    model = coreml_model.outputs["model"]
    assert isinstance(model, CoreMLModel)
    spec = spec_of(model.file)
    (image,) = spec.description.input
    assert (image.name, image.type.imageType.width, image.type.imageType.height) == ("image", 32, 32)
    assert spec.description.predictedFeatureName == "classLabel"
    assert [output.name for output in spec.description.output] == ["classLabel", "classLabel_probs"]
    assert spec.specificationVersion == 9
    contract = model.contract
    assert (contract.layout, contract.dtype, contract.normalised_by) == ("NHWC", "uint8", "model")
    assert (contract.output, contract.batch) == ("probabilities", 1)
    figures = coreml_model.figures
    assert figures["graph_sqnr_db"] > 100
    assert figures["sqnr_db"] > 40
    assert figures["agreement"] == 1
    assert "reference" in figures["measured_by"]
    assert coreml_model.figures["bytes"] == model.bytes()


@pytest.mark.slow
def test_metadata_and_precision(tmp_path: Path, make_torch_model: Any) -> None:
    """What the user says about the model is in the package; halves are half as large."""
    from edgesmith_stages.formats.coreml import spec_of

    source = make_torch_model(tmp_path / "source", "test_resnet")
    given = {"author": "A", "license": "MIT", "version": "2", "description": "reads digits"}
    half = run_stage(ExportCoreML, tmp_path / "half", {"model": source}, given).outputs["model"]
    whole = run_stage(ExportCoreML, tmp_path / "whole", {"model": source}, {"precision": "fp32"}).outputs["model"]
    assert isinstance(half, CoreMLModel)
    assert isinstance(whole, CoreMLModel)
    metadata = spec_of(half.file).description.metadata
    found = (metadata.author, metadata.license, metadata.versionString, metadata.shortDescription)
    assert found == ("A", "MIT", "2", "reads digits")
    assert half.bytes() < 0.7 * whole.bytes()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "fp32", "mixed"])
@pytest.mark.parametrize("target", ["iOS15", "iOS16", "iOS17", "iOS18"])
def test_every_target_takes_every_precision(tmp_path: Path, make_torch_model: Any, target: str, precision: str) -> None:
    """The oldest system that a package asks for is the one that was named, and it computes what the model does."""
    from edgesmith_stages.formats.coreml import spec_of

    source = make_torch_model(tmp_path / "source", "test_resnet")
    made = run_stage(ExportCoreML, tmp_path / "out", {"model": source}, {"target": target, "precision": precision})
    model = made.outputs["model"]
    assert isinstance(model, CoreMLModel)
    assert spec_of(model.file).specificationVersion == {"iOS15": 6, "iOS16": 7, "iOS17": 8, "iOS18": 9}[target]
    assert made.figures["sqnr_db"] > (100 if precision == "fp32" else 55)
    halves = precision != "fp32"
    assert (made.figures["fp32_ops"] < 0.2 * made.figures["ops"]) == halves


@pytest.mark.slow
def test_an_operator_without_core_ml_is_named(tmp_path: Path, make_odd_model: Any) -> None:
    """One message, no traceback."""
    with pytest.raises(StageFailed, match=r"at the operator .*bessel_j0"):
        run_stage(ExportCoreML, tmp_path / "out", {"model": make_odd_model(tmp_path / "source")})


@pytest.mark.parametrize("classes", [(), ("a", "b", "a")])
def test_a_classifier_needs_class_names(classes: tuple[str, ...]) -> None:
    """Without names, or with one twice, the user is told which param to change."""
    with pytest.raises(UserError, match="labels: false"):
        file_contract(InputContract(size=(8, 8), classes=classes), ExportCoreML.Params())
    plain = file_contract(InputContract(size=(8, 8), classes=classes), ExportCoreML.Params(labels=False))
    assert plain.output == "logits"
