"""What models get wrong: confusions, and the images that the reference gets right."""

import numpy as np
import pytest
from PIL import Image

from edgesmith.sections import MOST_PICTURES, Input, Matrix, Table, read_sections
from edgesmith.testing import LocalContext
from edgesmith_stages.answers import Answers
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.datasets.random_images import RandomImages
from edgesmith_stages.images import Images
from edgesmith_stages.mistakes import MATRIX_CLASSES, confusion, sections


@pytest.fixture
def images(tmp_path, ref):
    from edgesmith import DatasetRef

    context = LocalContext(tmp_path / "context", datasets=[Folder, RandomImages])
    return Images(context, DatasetRef.model_validate(ref), "val")


def said(outputs, images):
    """Answers of a model whose outputs are the dataset's classes, in order."""
    return Answers(outputs, np.where(outputs < len(images.classes), outputs, -1), images.classes)


@pytest.fixture
def right(images):
    return said(images.labels, images)


@pytest.fixture
def wrong_once(images):
    """Right answers but for the second image."""
    answers = images.labels.copy()
    answers[1] = (answers[1] + 1) % len(images.classes)
    return said(answers, images)


def made(folder, answers, images, expected):
    found, problems = read_sections(sections(folder, answers, images, expected))
    assert problems == []
    return found


def test_each_model_has_a_confusion_matrix_of_all_images(tmp_path, images, right, wrong_once):
    first, second = made(tmp_path, {0: right, 2: wrong_once}, images, None)
    assert isinstance(first, Matrix) and first.of == Input(port="models", index=0) and second.of.index == 2
    assert first.rows == first.columns == images.classes
    cells = np.array(second.cells)
    assert cells.sum() == images.count and np.trace(cells) == images.count - 1
    assert cells[images.labels[1], wrong_once.labels[1]] == 1
    assert (np.array(first.cells).sum(1) == np.bincount(images.labels)).all()


def test_answers_beyond_the_datasets_classes_have_a_column(tmp_path, images):
    answers = images.labels.copy()
    answers[0] = 99
    (matrix,) = made(tmp_path, {0: said(answers, images)}, images, None)
    assert matrix.columns == (*images.classes, "other")
    assert matrix.cells[images.labels[0]][-1] == 1


def test_of_many_classes_the_most_frequent_confusions_are_listed(images):
    class Many:
        count = 6
        classes = tuple(f"class {i}" for i in range(MATRIX_CLASSES + 1))
        labels = np.array([0, 0, 0, 1, 2, 3])

    table = confusion(Input(port="models"), Many(), said(np.array([1, 1, 0, 1, 4, 3]), Many()))
    assert isinstance(table, Table)
    assert table.rows == (("class 0", "class 1", 2), ("class 2", "class 4", 1))


def test_the_sheet_shows_what_the_reference_gets_right_and_the_model_does_not(tmp_path, images, right, wrong_once):
    *_, sheet = made(tmp_path, {0: right, 1: wrong_once}, images, right)
    (picture,) = sheet.pictures
    assert picture.of == Input(port="models", index=1)
    label, answer = (images.classes[one.labels[1]] for one in (right, wrong_once))
    assert picture.caption == f"image 1: it is {label}; answers {answer}, reference {label}"
    with Image.open(tmp_path / picture.file) as shown:
        assert shown.format == "PNG" and max(shown.size) <= 64


def test_what_the_reference_gets_wrong_too_is_not_on_the_sheet(tmp_path, images, wrong_once):
    found = made(tmp_path, {0: wrong_once}, images, wrong_once)
    assert [section.shape for section in found] == ["matrix", "pictures"]
    assert found[1].pictures == ()
    assert list(tmp_path.glob("pictures/*")) == []


def test_without_labels_the_sheet_shows_where_the_two_part(tmp_path):
    from edgesmith import DatasetRef

    context = LocalContext(tmp_path / "context", datasets=[RandomImages])
    images = Images(context, DatasetRef(name="random"), "val", 4)
    ours, theirs = said(np.array([0, 1, 2, 3]), images), said(np.array([0, 1, 2, 0]), images)
    (sheet,) = made(tmp_path, {0: ours}, images, theirs)
    assert [one.caption for one in sheet.pictures] == ["image 3: no label; answers #3, reference #0"]


def test_a_sheet_is_bounded_and_the_same_every_time(tmp_path, images, right):
    answers = {index: said((images.labels + 1) % len(images.classes), images) for index in range(40)}
    for one in "ab":
        (tmp_path / one).mkdir()
    found = [made(tmp_path / one, answers, images, right) for one in "ab"]
    assert found[0] == found[1]
    assert len(found[0][-1].pictures) <= MOST_PICTURES
    files = [sorted((tmp_path / one).rglob("*.png")) for one in "ab"]
    assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]


def test_answers_are_called_what_the_model_calls_them(tmp_path, images, right):
    """The model's outputs are in another order than the dataset's classes, and one is no class of the dataset's."""
    names = ("cup", *reversed(images.classes))
    outputs = len(images.classes) - images.labels
    outputs[1] = 0
    labels = images.labels.copy()
    labels[1] = -1
    matrix, sheet = made(tmp_path, {0: Answers(outputs, labels, names)}, images, right)
    cells = np.array(matrix.cells)
    assert matrix.columns == (*images.classes, "other")
    assert np.trace(cells) == images.count - 1 and cells[images.labels[1]][-1] == 1
    label = images.classes[images.labels[1]]
    assert [one.caption for one in sheet.pictures] == [f"image 1: it is {label}; answers cup, reference {label}"]
