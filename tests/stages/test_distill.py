"""The distill stage."""

import pytest

from edgesmith import UserError
from edgesmith.testing import LocalContext, StageContract, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.distill import Distill
from edgesmith_stages.train import Train

SMALL = {"model": "test_efficientnet", "epochs": 1, "batch_size": 16, "device": "cpu", "threads": 1}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory, ref):
    params = {**SMALL, "image_size": 32, "data": ref.model_dump()}
    return run_stage(Train, tmp_path_factory.mktemp("teacher"), params=params, datasets=[Folder]).outputs["model"]


class TestDistill(StageContract):
    stage = Distill

    @pytest.fixture(autouse=True)
    def _given(self, teacher, ref):
        self.teacher, self.params = teacher, {**SMALL, "data": ref.model_dump()}

    def inputs(self, folder):
        return {"teacher": self.teacher}

    def context(self, folder):
        return LocalContext(folder, datasets=[Folder])


@pytest.fixture
def distil(teacher, ref):
    def run(folder, **params):
        given = {**SMALL, "data": ref.model_dump(), **params}
        return run_stage(Distill, folder, {"teacher": teacher}, given, datasets=[Digits, Folder])

    return run


def test_the_student_takes_over_the_teachers_preprocessing(teacher, distil, tmp_path):
    assert distil(tmp_path / "same").outputs["model"].contract == teacher.contract
    smaller = distil(tmp_path / "other", image_size=24).outputs["model"].contract
    assert smaller == teacher.contract.model_copy(update={"size": (24, 24)})


def test_the_teachers_classes_must_be_the_datasets(distil, tmp_path):
    with pytest.raises(UserError, match="classes are not those of the dataset 'digits'"):
        distil(tmp_path, data="digits")


def test_an_unknown_student_gets_the_nearest_name(distil, tmp_path):
    with pytest.raises(UserError, match="did you mean 'test_efficientnet'"):
        distil(tmp_path, model="test_eficientnet")


@pytest.mark.slow
def test_the_student_comes_to_agree_with_its_teacher(distil, tmp_path):
    """With the teacher's voice alone, the loss is the distance from it: it falls while training goes on."""
    losses = [distil(tmp_path / str(epochs), alpha=1.0, epochs=epochs, lr=5e-3).figures["loss"] for epochs in (1, 8)]
    assert losses[1] < losses[0] / 2
