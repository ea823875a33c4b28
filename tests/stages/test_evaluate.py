"""The `evaluate` stage on a real model and real images."""

import shutil
from dataclasses import replace

import pytest

from edgesmith import CoreMLModel, OnnxModel, Report, TorchModel, UserError
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.sections import read_sections
from edgesmith.testing import LocalContext, StageContract, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.evaluate import Evaluate
from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime
from edgesmith_stages.runtimes.torch_runtime import TorchRuntime

pytestmark = pytest.mark.slow


@pytest.fixture
def model(tmp_path, save_timm):
    return save_timm(tmp_path / "model")


def evaluate(folder, models, ref, **params):
    return run_stage(
        Evaluate,
        folder,
        {"models": models},
        {"data": ref, **params},
        datasets=[Folder, Digits],
        runtimes=[TorchRuntime, OnnxRuntime],
    )


class TestContract(StageContract):
    stage = Evaluate
    params = {"data": "digits"}

    @pytest.fixture(autouse=True)
    def _model(self, onnx_model):
        self.model = onnx_model.outputs["model"]

    def inputs(self, folder):
        folder.mkdir(exist_ok=True)
        return {"models": [self.model]}

    def context(self, folder):
        return LocalContext(folder, datasets=[Digits], runtimes=[OnnxRuntime])


def test_every_model_is_scored_against_the_first_torch_one_and_the_report_shows_what_it_gets_wrong(
    tmp_path, model, save_timm, ref, dataset
):
    model, other = replace(model, digest="a"), replace(save_timm(tmp_path / "other", seed=1), digest="b")
    made = evaluate(tmp_path / "out", [model, other], ref)
    first, second = made.figures["models"]
    assert first["agreement"] == 1.0 and first["sqnr_db"] == 200.0
    assert second["sqnr_db"] < 40
    assert 0 <= second["top1"] <= 1
    assert first["bytes"] == (model.path / "weights.safetensors").stat().st_size
    assert made.figures["images"] == len(dataset.split("val"))
    assert isinstance(made.outputs["report"], Report)
    assert made.outputs["report"].read()["models"] == made.figures["models"]
    report = made.outputs["report"]
    assert report.read()["digests"] == [model.digest, other.digest]
    (*matrices, sheet), problems = read_sections(report.read()["sections"])
    assert problems == []
    assert len(matrices) == 2
    for matrix, row in zip(matrices, made.figures["models"], strict=True):
        assert sum(map(sum, matrix.cells)) == len(dataset.split("val"))
        right = sum(matrix.cells[i][i] for i in range(len(matrix.rows)))
        assert right / len(dataset.split("val")) == pytest.approx(row["top1"])
    assert {picture.of.index for picture in sheet.pictures} <= {1}
    assert all((report.path / picture.file).is_file() for picture in sheet.pictures)


def test_a_model_without_a_runtime_keeps_its_line_with_the_reason(tmp_path, onnx_model):
    package = CoreMLModel(tmp_path / "coreml")
    (package.file / "Data").mkdir(parents=True)
    (package.file / "Data" / "weights").write_bytes(bytes(100))
    made = evaluate(tmp_path / "out", [onnx_model.outputs["model"], package], "digits")
    rows = made.figures["models"]
    assert rows[0]["status"] == "ok"
    assert made.lost == ()  # what runs here is part of the key
    assert rows[1] == {"bytes": 100, "status": "not run: no runtime for coreml"}


def test_a_model_that_fails_fails_alone_and_is_tried_again_by_the_next_run(tmp_path, onnx_model):
    model = onnx_model.outputs["model"]
    broken = OnnxModel(shutil.copytree(model.path, tmp_path / "broken"))
    broken.file.write_bytes(b"no graph")
    made = evaluate(tmp_path / "out", [model, broken], "digits")
    rows = made.figures["models"]
    assert rows[0]["status"] == "ok"
    assert rows[1]["status"].startswith("failed: ")
    assert made.lost == (rows[1]["status"],)


def test_a_reference_that_fails_costs_the_comparison_alone(tmp_path, onnx_model):
    model = onnx_model.outputs["model"]
    broken = OnnxModel(shutil.copytree(model.path, tmp_path / "broken"))
    broken.file.write_bytes(b"no graph")
    made = run_stage(
        Evaluate,
        tmp_path / "out",
        {"models": [model], "reference": broken},
        {"data": "digits", "limit": 20},
        datasets=[Digits],
        runtimes=[OnnxRuntime],
    )
    (row,) = made.figures["models"]
    assert row["status"] == "ok"
    assert "top1" in row and "agreement" not in row
    assert [one.partition(":")[0] for one in made.lost] == ["the reference failed"]


def test_an_image_that_cannot_be_read_is_no_models_fault(tmp_path, onnx_model, photos):
    damaged = shutil.copytree(photos, tmp_path / "damaged")
    for file in damaged.rglob("*.png"):
        file.write_bytes(b"no image")
    with pytest.raises(UserError, match="can't be read as an image"):
        evaluate(tmp_path / "out", [onnx_model.outputs["model"]], {"name": "folder", "path": str(damaged)})


def test_limit_takes_no_more_images(tmp_path, onnx_model):
    assert evaluate(tmp_path / "out", [onnx_model.outputs["model"]], "digits", limit=5).figures["images"] == 5


def test_a_model_that_lacks_a_class_of_the_dataset_fails_alone(tmp_path, model, save_timm, contract, ref):
    stranger = save_timm(tmp_path / "stranger", contract=contract.model_copy(update={"classes": ("0", "1", "2", "x")}))
    rows = evaluate(tmp_path / "out", [model, stranger], ref).figures["models"]
    assert rows[0]["status"] == "ok"
    expected = "failed: the model lacks the dataset's class 3; it has 0, 1, 2, x"
    assert rows[1]["status"] == expected and "top1" not in rows[1]


def test_a_model_with_fewer_outputs_than_classes_fails_alone(tmp_path, save_timm, contract, ref):
    nameless = save_timm(tmp_path / "model", contract=contract.model_copy(update={"classes": ("0", "1")}))
    nameless.contract.model_copy(update={"classes": ()}).write(nameless.path / CONTRACT_FILE)
    (row,) = evaluate(tmp_path / "out", [TorchModel(nameless.path)], ref).figures["models"]
    assert row["status"] == "failed: the model has 2 classes and the dataset 4"


def test_classes_are_matched_by_name(tmp_path, onnx_model, some_digits):
    """The model's output 1 is right for the dataset's label 0, and its output 3 for the label 1."""
    made = evaluate(tmp_path / "out", [onnx_model.outputs["model"]], some_digits)
    (row,) = made.figures["models"]
    assert row["status"] == "ok" and row["top1"] > 0.8
    (matrix,), _ = read_sections(made.outputs["report"].read()["sections"])
    assert matrix.rows == ("1", "3") and matrix.columns[:2] == ("1", "3")
    assert matrix.cells[0][0] + matrix.cells[1][1] == round(row["top1"] * made.figures["images"])


def test_a_model_with_more_classes_than_the_reference_is_scored_but_not_compared(tmp_path, model, onnx_model, ref):
    same, other = evaluate(tmp_path / "out", [model, onnx_model.outputs["model"]], ref).figures["models"]
    assert same["status"] == "ok" and same["agreement"] == 1.0
    assert other["status"] == "scored, but not compared: it has 10 outputs and the reference 4"
    assert other["top1"] > 0.8 and not {"agreement", "sqnr_db"} & set(other)
