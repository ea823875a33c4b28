"""The image folder dataset."""

import numpy as np
import pytest
from PIL import Image

from edgesmith import UserError
from edgesmith_stages.datasets.folder import Folder


def write(root, **counts):
    """Write `counts[class]` PNG images below root, each with a content of its own."""
    for number, (name, count) in enumerate(sorted(counts.items())):
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = np.full((6, 5, 3), [20 * index, 100 * number, 7], dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index:02}.png")
    return root


def open_folder(path, **params):
    dataset = Folder(Folder.Params(path=str(path), **params))
    dataset.check()
    return dataset


def refused(path, **params):
    with pytest.raises(UserError) as raised:
        open_folder(path, **params)
    return str(raised.value)


def test_splits_class_folders(tmp_path):
    dataset = open_folder(write(tmp_path, cat=10, dog=5))
    assert dataset.classes == ("cat", "dog")
    assert (dataset.count("train"), dataset.count("val")) == (12, 3)
    val = dataset.split("val")
    assert val.labels.tolist() == [0, 0, 1]
    assert np.asarray(val.image(2))[0, 0, 1] == 100


def test_takes_train_and_val_folders(tmp_path):
    write(tmp_path / "train", cat=2, dog=3)
    write(tmp_path / "val", dog=4)
    dataset = open_folder(tmp_path)
    assert (dataset.count("train"), dataset.count("val")) == (5, 4)
    assert dataset.split("val").labels.tolist() == [1] * 4


def test_splits_train_where_there_is_no_val(tmp_path):
    write(tmp_path / "train", cat=4, dog=4)
    dataset = open_folder(tmp_path, val_fraction=0.5)
    assert dataset.classes == ("cat", "dog")
    assert (dataset.count("train"), dataset.count("val")) == (4, 4)


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path):
    def digest(path):
        return path.read_bytes().hex()

    write(tmp_path / "here", cat=3, dog=3)
    write(tmp_path / "there", cat=3, dog=3)
    fingerprint = open_folder(tmp_path / "here").fingerprint(digest)
    assert fingerprint == open_folder(tmp_path / "there").fingerprint(digest)
    assert fingerprint != open_folder(tmp_path / "here", seed=5).fingerprint(digest)
    (tmp_path / "there" / "cat" / "00.png").write_bytes(b"other")
    assert fingerprint != open_folder(tmp_path / "there").fingerprint(digest)


def test_photos_are_turned_upright(tmp_path):
    """A phone stores what its sensor saw, and an orientation; whoever looks at the photo, an app too, turns it."""
    write(tmp_path, cat=4, dog=4)
    sideways = np.zeros((4, 8, 3), np.uint8)
    sideways[:, 4:] = 255
    for folder in ("cat", "dog"):
        for file in (tmp_path / folder).iterdir():
            exif = Image.Exif()
            exif[0x0112] = 6
            Image.fromarray(sideways).save(file, exif=exif)
    upright = open_folder(tmp_path).split("train").image(0)
    assert upright.size == (4, 8)
    assert np.asarray(upright)[:, 0, 0].tolist() == [0] * 4 + [255] * 4


def test_damaged_exif_data_cost_no_image(tmp_path):
    """Here the width is a text, which Pillow raises `struct.error` about when it turns the image."""
    write(tmp_path, cat=4, dog=4)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    for file in (tmp_path / "cat").iterdir():
        Image.new("RGB", (8, 4)).save(file.with_suffix(".jpg"), exif=exif.tobytes().replace(b"\x01\x0f", b"\x01\x00"))
        file.unlink()
    assert open_folder(tmp_path).split("train").image(0).size == (8, 4)


def test_values_without_a_range_are_told_with_the_files_name(tmp_path):
    write(tmp_path, cat=4, dog=4)
    for file in (tmp_path / "cat").iterdir():
        Image.fromarray(np.ones((4, 4), np.float32)).save(file.with_suffix(".tiff"))
        file.unlink()
    with pytest.raises(UserError, match=r"cat/0\d.tiff holds floats"):
        open_folder(tmp_path).split("train").image(0)


def test_says_what_is_wrong_before_the_run(tmp_path):
    assert "does not exist" in refused(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "no class folders" in refused(tmp_path / "empty")
    loose = write(tmp_path / "loose", cat=2)
    for file in (loose / "cat").iterdir():
        file.rename(loose / file.name)
    (loose / "cat").rmdir()
    assert "2 images but no class folders" in refused(loose)
    assert "one class only ('cat')" in refused(write(tmp_path / "single", cat=3))
    without = write(tmp_path / "without", cat=3, dog=3)
    (without / "emu").mkdir()
    assert "no images in emu" in refused(without)
    assert "no image is left for val" in refused(write(tmp_path / "few", cat=1, dog=1))
    write(tmp_path / "strange" / "train", cat=2, dog=2)
    write(tmp_path / "strange" / "val", cat=2, cow=2)
    assert "cow" in refused(tmp_path / "strange")


def test_a_broken_image_is_named(tmp_path):
    write(tmp_path, cat=2, dog=2)
    broken = tmp_path / "cat" / "00.png"
    broken.write_bytes(broken.read_bytes()[:30])
    dataset = open_folder(tmp_path)
    splits = [dataset.split(name) for name in ("train", "val")]
    with pytest.raises(UserError, match=r"00\.png can't be read as an image"):
        [split.image(index) for split in splits for index in range(len(split))]


@pytest.mark.parametrize(
    ("train", "val"),
    [("Train", "Val"), ("training", "validation"), ("train", "valid"), ("train", "test"), ("TRAIN", "Testing")],
)
def test_splits_have_other_names_too(tmp_path, train, val):
    write(tmp_path / train, cat=2, dog=3)
    write(tmp_path / val, cat=1, dog=4)
    dataset = open_folder(tmp_path)
    assert (dataset.count("train"), dataset.count("val")) == (5, 5)
    files = [one[0] for one in dataset.fingerprint(lambda file: file.name)["val"]]
    assert files[0] == f"{val}/cat/00.png" and all(file.startswith(val) for file in files)


def test_test_is_left_alone_where_there_is_a_val(tmp_path):
    for split, count in (("train", 3), ("valid", 2), ("test", 4)):
        write(tmp_path / split, cat=count, dog=count)
    dataset = open_folder(tmp_path)
    assert (dataset.count("train"), dataset.count("val")) == (6, 4)


def test_a_test_folder_without_the_classes_is_no_val(tmp_path):
    """Often it holds images that nobody has labelled, in one folder or in none."""
    write(tmp_path / "train", cat=10, dog=10)
    write(tmp_path / "test", unknown=5)
    dataset = open_folder(tmp_path)
    assert (dataset.count("train"), dataset.count("val")) == (16, 4)


def test_a_class_may_be_called_train(tmp_path):
    assert open_folder(write(tmp_path, bus=5, car=5, train=5)).classes == ("bus", "car", "train")


def test_val_without_class_folders_is_told(tmp_path):
    write(tmp_path / "train", cat=2, dog=2)
    write(tmp_path, val=3)
    assert "val holds 3 images but no class folders" in refused(tmp_path)


def test_splits_without_class_folders_are_no_classes(tmp_path):
    assert "train holds 5 images but no class folders" in refused(write(tmp_path / "two", train=5, val=5))
    assert "train holds 5 images but no class folders" in refused(write(tmp_path / "one", train=5))


def test_two_folders_for_one_split_are_refused(tmp_path):
    for split in ("train", "val", "valid"):
        write(tmp_path / split, cat=2, dog=2)
    assert "holds val and valid, which are names of one split" in refused(tmp_path)


def test_splits_without_train_are_refused(tmp_path):
    for split in ("test", "val"):
        write(tmp_path / split, cat=2, dog=2)
    assert "holds val and test but no train with class folders" in refused(tmp_path)


@pytest.mark.parametrize("names", [("seg_test", "seg_train"), ("fold1", "fold2", "fold3")])
def test_splits_of_unknown_names_are_no_classes(tmp_path, names):
    for name in names:
        write(tmp_path / name, cat=2, dog=2)
    message = refused(tmp_path)
    assert f"{' and '.join([', '.join(names[:-1]), names[-1]])} all hold the same folders (cat and dog)" in message
    assert "train/CLASS" in message


def test_splits_below_each_class_are_refused(tmp_path):
    for name in ("cat", "dog"):
        write(tmp_path / name, train=3)
    assert "cat and dog all hold the same folders (train)" in refused(tmp_path)


def test_folders_below_a_class_are_its_own_business(tmp_path):
    for name in ("cat", "dog"):
        write(tmp_path / "one" / name, images=5)
        write(tmp_path / "two" / "train" / name, indoor=5, outdoor=5)
    assert open_folder(tmp_path / "one").classes == ("cat", "dog")
    assert open_folder(tmp_path / "two").classes == ("cat", "dog")


def test_a_train_with_folders_beside_other_classes_is_refused(tmp_path):
    write(tmp_path, bus=5, car=5)
    write(tmp_path / "train", diesel=5, steam=5)
    message = refused(tmp_path)
    assert "images in bus and car: whether train is a split or a class can't be told" in message


def test_jfif_is_read_and_what_is_not_read_is_told_once(tmp_path, caplog):
    write(tmp_path, cat=10, dog=10)
    (tmp_path / "cat" / "00.png").rename(tmp_path / "cat" / "00.jfif")
    for name in ("a.HEIC", "b.gif"):
        (tmp_path / "dog" / name).write_bytes(b"")
    (tmp_path / "dog" / "notes.txt").write_text("")
    dataset = open_folder(tmp_path)
    assert dataset.count("train") + dataset.count("val") == 20
    assert caplog.records == []
    for name in ("train", "val"):
        dataset.split(name)
    (told,) = caplog.messages
    assert told.startswith("images left out of ") and ".gif, .heic can't be read: 2 (the first: dog/a.HEIC)" in told
