"""The distill stage."""

import pytest

from edgesmith import UserError
from edgesmith.testing import LocalContext, StageContract, folder_digest, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.distill import Distill
from edgesmith_stages.models.recipe import read_weights
from edgesmith_stages.teacher_logits import AskTeacher
from edgesmith_stages.train import Train

SMALL = {"model": "test_efficientnet", "epochs": 1, "batch_size": 16, "device": "cpu", "threads": 1}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory, ref):
    params = {**SMALL, "image_size": 32, "data": ref.model_dump()}
    return run_stage(Train, tmp_path_factory.mktemp("teacher"), params=params, datasets=[Folder]).outputs["model"]


@pytest.fixture(scope="module")
def cached(teacher, tmp_path_factory, ref):
    params = {"data": ref.model_dump(), "batch_size": 16, "device": "cpu", "threads": 1}
    folder = tmp_path_factory.mktemp("cached")
    return run_stage(AskTeacher, folder, {"model": teacher}, params, datasets=[Folder]).outputs["logits"]


class TestDistill(StageContract):
    stage = Distill
    bad_params = ({**SMALL, "dkd_beta": 2}, {**SMALL, "teacher_weights": [1, 2]})

    @pytest.fixture(autouse=True)
    def _given(self, teacher, ref):
        self.teacher, self.params = teacher, {**SMALL, "data": ref.model_dump()}

    def inputs(self, folder):
        return {"teacher": [self.teacher]}

    def context(self, folder):
        return LocalContext(folder, datasets=[Folder])


@pytest.fixture
def distil(teacher, ref):
    def run(folder, *teachers, **params):
        given = {**SMALL, "data": ref.model_dump(), **params}
        return run_stage(Distill, folder, {"teacher": list(teachers) or [teacher]}, given, datasets=[Digits, Folder])

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


def test_an_unknown_layer_gets_the_nearest_name(distil, tmp_path):
    with pytest.raises(UserError, match=r"the teacher has no layer 'block\.1'; did you mean 'blocks\.1'"):
        distil(tmp_path, hints={"blocks.1": "block.1"})


def test_cached_logits_teach_as_the_teacher_does_to_the_bit(distil, cached, tmp_path):
    live, quick = distil(tmp_path / "live"), distil(tmp_path / "quick", cached)
    assert folder_digest(quick.outputs["model"].path) == folder_digest(live.outputs["model"].path)
    assert quick.figures == live.figures
    smaller = distil(tmp_path / "smaller", cached, image_size=24)
    assert smaller.outputs["model"].contract.size == (24, 24)


def test_with_cached_logits_no_teacher_is_built(distil, cached, tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr("edgesmith_stages.models.recipe.build", built.append)
    distil(tmp_path, cached)
    assert built == []


def test_cached_logits_are_for_the_images_that_training_draws(cached, distil, photos, tmp_path):
    """The same labels, but one image is another: it is found out when it is read."""
    from shutil import copytree

    copytree(photos, tmp_path / "photos")
    first, second = sorted((tmp_path / "photos" / "train" / "0").iterdir())[:2]
    first.write_bytes(second.read_bytes())
    with pytest.raises(UserError, match="image 0 of the train split of 'folder' is not the one that the teacher"):
        distil(tmp_path / "run", cached, data={"name": "folder", "path": str(tmp_path / "photos")})


def test_hints_leave_nothing_in_the_student(distil, teacher, tmp_path):
    """Its weights are another's, under the same names: the projections are thrown away."""
    plain = read_weights(distil(tmp_path / "plain", image_size=24).outputs["model"].path)
    hinted = read_weights(distil(tmp_path / "hinted", image_size=24, hints="auto").outputs["model"].path)
    assert {name: value.shape for name, value in hinted.items()} == {name: value.shape for name, value in plain.items()}
    assert any(not value.equal(plain[name]) for name, value in hinted.items())


def test_teachers_of_other_sizes_teach_together(distil, teacher, cached, save_timm, contract, tmp_path):
    own = {"size": (40, 40), "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    other = save_timm(tmp_path / "other", "test_byobnet", contract.model_copy(update=own))
    live = distil(tmp_path / "live", teacher, other, teacher_weights=[3, 1], loss="dkd", ema_decay=0.9, hints="auto")
    assert live.outputs["model"].contract == teacher.contract
    mixed = distil(tmp_path / "mixed", cached, other, teacher_weights=[3, 1], loss="dkd", ema_decay=0.9)
    assert mixed.figures["loss"] < live.figures["loss"], "the hints' part of the loss"


@pytest.mark.slow
@pytest.mark.parametrize("listening", [{"alpha": 1.0}, {"alpha": 1.0, "loss": "dkd"}])
def test_the_student_comes_to_agree_with_its_teacher(distil, tmp_path, listening):
    """With the teacher's voice alone, the loss is the distance from it: it falls while training goes on."""
    losses = [distil(tmp_path / str(epochs), **listening, epochs=epochs, lr=5e-3).figures["loss"] for epochs in (1, 8)]
    assert losses[1] < losses[0] / 2


@pytest.mark.slow
def test_the_students_layers_come_to_say_what_the_teachers_say(distil, tmp_path):
    """Weighed so, nearly all of the loss is the distance of the layers: it falls while training goes on."""
    hints = {"alpha": 0.0, "hints": {"blocks.3": "blocks.3"}, "hint_weight": 1000.0, "lr": 5e-3}
    losses = [distil(tmp_path / str(epochs), **hints, epochs=epochs).figures["loss"] for epochs in (1, 8)]
    assert losses[1] < 0.7 * losses[0]


def test_a_student_that_cannot_take_the_images_is_refused(distil, tmp_path):
    with pytest.raises(UserError, match="can't take an image of 50x50 pixels"):
        distil(tmp_path, model="test_vit", image_size=50)
