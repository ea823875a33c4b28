"""Teachers in their order, whether they fit, and what they see."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from edgesmith import InputContract, TorchModel, UserError
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith_stages.distillation.artifact import Answers, TeacherLogits
from edgesmith_stages.distillation.teachers import Panel, check_teaching, seen_by, with_cached
from edgesmith_stages.distillation.watch import Recorded
from edgesmith_stages.training.data import TrainingData
from edgesmith_stages.training.options import TrainingOptions


@pytest.fixture
def teacher(tmp_path, contract):
    """Write what the checks read of a teacher: its contract, changed."""

    def make(kind, **changes):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        contract.model_copy(update=changes).write(folder / CONTRACT_FILE)
        return kind(folder)

    return make


def test_a_panel_takes_cached_logits_where_a_teacher_has_no_voice():
    panel = Panel((None, lambda images: images + 1, None))
    assert panel(1, ["first", "second"]) == ["first", 2, "second"]


def test_teachers_of_other_sizes_and_preprocessing_fit(teacher, contract, dataset):
    other = teacher(TorchModel, size=(48, 40), mean=(0.5, 0.5, 0.5), crop_fraction=0.9, resample="bicubic")
    check_teaching([teacher(TorchModel), other, teacher(TeacherLogits, size=(64, 64))], contract, dataset)


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (TorchModel, {"classes": ("3", "2", "1", "0")}, "teacher 2's classes are not those of the dataset 'folder'"),
        (
            TorchModel,
            {"channels": 1, "color": "L", "mean": (0.5,), "std": (0.5,)},
            "teacher 2 sees L images of 1 channels",
        ),
        (TeacherLogits, {"crop_fraction": 0.5}, "a crop of 0.5 of the image, and the student one of 1"),
        (TeacherLogits, {"size": (32, 48)}, "another part of the images: it saw 32x48 pixels, and the student 32x32"),
    ],
)
def test_teachers_that_do_not_fit_are_refused(teacher, contract, dataset, kind, changes, message):
    with pytest.raises(UserError) as refused:
        check_teaching([teacher(TorchModel), teacher(kind, **changes)], contract, dataset)
    assert message in str(refused.value)


@pytest.fixture
def answers(dataset):
    split = Recorded(dataset.split("train"), "RGB")
    for index in range(len(split)):
        split.image(index)
    logits = np.arange(len(split) * 4, dtype=np.float32).reshape(-1, 4)
    return Answers(logits, split.digests, split.labels)


@pytest.fixture
def cached(teacher, answers):
    def make(**changes):
        made = teacher(TeacherLogits)
        replace(answers, **changes).write(made.path)
        return made

    return make


@pytest.fixture
def data(dataset, contract):
    return TrainingData.open(dataset, contract, TrainingOptions(batch_size=8))


def test_batches_carry_the_logits_of_their_images(data, cached, answers, teacher, dataset):
    given = with_cached(data, [cached(), teacher(TorchModel), cached(logits=-answers.logits)], dataset)
    contract = data.contract
    rows = {contract.pixels([data.train.split.image(i)]).tobytes(): answers.logits[i] for i in range(len(data.train))}
    seen = 0
    for (images, targets, first, second), (plain, same) in zip(given.epoch(0, 1), data.epoch(0, 1), strict=True):
        assert torch.equal(images, plain) and torch.equal(targets, same)
        for image, row in zip(images, first, strict=True):
            std, mean = (np.array(one, np.float32) for one in (contract.std, contract.mean))
            pixels = ((image.numpy().transpose(1, 2, 0) * std + mean) * 255).round().astype(np.uint8)
            assert np.array_equal(rows[pixels.tobytes()], row.numpy())
            seen += 1
        assert torch.equal(first, -second)
    assert seen == data.steps * 8


def test_without_cached_teachers_nothing_changes(data, teacher, dataset):
    assert with_cached(data, [teacher(TorchModel)], dataset) is data


def test_answers_for_other_labels_are_refused(data, cached, answers, dataset):
    with pytest.raises(UserError, match="48 images with other labels than the 48 of the train split of 'folder'"):
        with_cached(data, [cached(labels=answers.labels[::-1].copy())], dataset)


def test_answers_for_other_images_are_refused_when_the_images_are_read(data, cached, answers, dataset):
    given = with_cached(data, [cached(images=np.roll(answers.images, 1, axis=0))], dataset)
    with pytest.raises(UserError, match="is not the one that the teacher answered for"):
        next(given.epoch(0, 0))


def test_teachers_that_answered_for_different_images_are_refused(data, cached, answers, dataset):
    with pytest.raises(UserError, match="for different images"):
        with_cached(data, [cached(), cached(images=answers.images[::-1].copy())], dataset)


def test_a_network_of_the_same_contract_is_itself(contract):
    assert seen_by(abs, contract, contract.model_copy(update={"crop_fraction": 0.5})) is abs


def test_images_are_normalised_anew_and_resized_for_a_teacher(contract):
    """What it sees is what its own contract makes of the same pixels."""
    own = InputContract(size=(64, 64), mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3), classes=contract.classes)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    given = torch.from_numpy(contract.normalise(pixels))
    seen = seen_by(lambda images: images, own.model_copy(update={"size": (32, 32)}), contract)(given)
    torch.testing.assert_close(seen, torch.from_numpy(own.normalise(pixels)), atol=1e-5, rtol=0)
    large = seen_by(lambda images: images, own, contract)(given)
    assert large.shape == (2, 3, 64, 64)
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(large, 2).mean(), seen.mean(), atol=1e-2, rtol=0)
