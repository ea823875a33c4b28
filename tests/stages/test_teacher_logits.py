"""The teacher-logits stage."""

import numpy as np
import pytest
import torch

from edgesmith import OnnxModel, StageFailed, UserError, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.testing import LocalContext, StageContract, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.models.recipe import build
from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime
from edgesmith_stages.teacher_logits import AskTeacher

SMALL = {"batch_size": 20, "device": "cpu", "threads": 1}


class TestAskTeacher(StageContract):
    stage = AskTeacher
    bad_params = ({"batch_size": 0}, {"device": "tpu"})

    @pytest.fixture(autouse=True)
    def _given(self, save_timm, ref):
        self.save, self.params = save_timm, {**SMALL, "data": ref.model_dump()}

    def inputs(self, folder):
        return {"model": self.save(folder / "model")}

    def context(self, folder):
        return LocalContext(folder, datasets=[Folder])


@pytest.fixture
def ask(ref):
    def run(folder, model, **params):
        given = {**SMALL, "data": ref.model_dump(), **params}
        return run_stage(AskTeacher, folder, {"model": model}, given, datasets=[Digits, Folder], runtimes=[OnnxRuntime])

    return run


def test_every_image_gets_the_logits_that_the_model_gives_it(save_timm, ask, dataset, contract, tmp_path):
    """48 images in batches of 20: the last one is filled up."""
    model = save_timm(tmp_path / "model")
    made = ask(tmp_path, model)
    answers, split = made.outputs["logits"].read(), dataset.split("train")
    images = contract.normalise(contract.pixels([split.image(index) for index in range(len(split))]))
    with torch.no_grad():
        expected = build(model.path)(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(answers.logits, expected, atol=1e-5)
    assert np.array_equal(answers.labels, split.labels)
    assert made.outputs["logits"].contract == contract
    right = (expected.argmax(1) == split.labels).mean()
    size = sum(file.stat().st_size for file in made.outputs["logits"].path.iterdir())
    assert made.figures == {"images": 48, "top1": pytest.approx(right), "bytes": size}


def test_the_classes_must_be_the_datasets(save_timm, ask, tmp_path):
    with pytest.raises(UserError, match="4 classes that are not the 10 of the dataset 'digits'"):
        ask(tmp_path, save_timm(tmp_path / "model"), data="digits")


def test_answers_that_are_no_numbers_are_refused(save_timm, ask, tmp_path):
    from safetensors.torch import load, save

    model = save_timm(tmp_path / "model")
    weights = load(model.file.read_bytes())
    weights["classifier.bias"][1] = float("nan")
    model.file.write_bytes(save(weights))
    with pytest.raises(StageFailed, match="answers to 48 of 48 images hold infinity or no number"):
        ask(tmp_path, model)


def test_an_empty_train_split_is_refused_before_the_run():
    class Empty:
        def count(self, split):
            return 0

    with pytest.raises(UserError, match="no image to train on"):
        AskTeacher.check(AskTeacher.Params(), {}, {"data": Empty()})


def test_only_a_torch_teacher_needs_trainings_libraries(save_timm, tmp_path):
    def needs(kind):
        return " ".join(AskTeacher.toolchain(AskTeacher.Params(), {"model": (kind,)}).requirements)

    assert "timm" in needs(type(save_timm(tmp_path / "model")))
    assert "torch" not in needs(OnnxModel)


@pytest.fixture
def make_onnx(contract, dataset):
    """Write an ONNX file that looks at the mean colour alone; with or without a softmax at its end."""
    from onnx import TensorProto, helper, numpy_helper, save

    def make(folder, output):
        folder.mkdir()
        weights = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
        nodes = [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"]),
        ]
        graph = helper.make_graph(
            nodes,
            "mean",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 32, 32])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 4])],
            [numpy_helper.from_array(weights, "weights")],
        )
        save(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / OnnxModel.main
        )
        file = contract.model_copy(update={"output": output})
        file.write(folder / CONTRACT_FILE)
        pixels = contract.pixels([dataset.split("val").image(0)])
        write_golden(folder, pixels, contract.normalise(pixels).mean((2, 3)) @ weights)
        return OnnxModel(folder), weights

    return make


@pytest.mark.slow
def test_a_teacher_of_another_format_answers_through_its_runtime(make_onnx, ask, dataset, contract, tmp_path):
    """Where it gives probabilities, they are turned back: softened, they say the same."""
    model, weights = make_onnx(tmp_path / "onnx", "logits")
    split = dataset.split("train")
    images = contract.normalise(contract.pixels([split.image(index) for index in range(len(split))]))
    logits = ask(tmp_path / "logits", model).outputs["logits"].read().logits
    np.testing.assert_allclose(logits, images.mean((2, 3)) @ weights, atol=1e-4)
    sure, _ = make_onnx(tmp_path / "sure", "probabilities")
    made = ask(tmp_path / "probabilities", sure).outputs["logits"]
    assert made.contract == contract
    softened = (torch.log_softmax(torch.from_numpy(one) / 4, dim=1) for one in (logits, made.read().logits))
    torch.testing.assert_close(*softened, atol=1e-4, rtol=0)
