"""CIFAR, on a small archive in CIFAR's own format, downloaded from a local server by torchvision's own code."""

import functools
import hashlib
import http.server
import pickle
import tarfile
import threading

import numpy as np
import pytest

from edgesmith import UserError
from edgesmith.testing import DatasetContract
from edgesmith_stages.datasets.cifar import Cifar10, Cifar100

NAMES = ["plane", "car", "bird"]


def md5(file):
    return hashlib.md5(file.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A folder with `small.tar.gz`: two training batches of 4 images and a test batch of 3."""
    place = tmp_path_factory.mktemp("cifar")
    batches = place / "small-batches-py"
    batches.mkdir()
    draw = np.random.default_rng(0)

    def write(name, content):
        (batches / name).write_bytes(pickle.dumps(content))

    for name, count in {"data_batch_1": 4, "data_batch_2": 4, "test_batch": 3}.items():
        pixels = draw.integers(0, 256, (count, 3072), dtype=np.uint8)
        np.save(place / f"{name}.npy", pixels)
        write(name, {"data": pixels, "labels": [index % 3 for index in range(count)]})
    write("batches.meta", {"label_names": NAMES})
    with tarfile.open(place / "small.tar.gz", "w:gz") as tar:
        tar.add(batches, batches.name)
    return place


@pytest.fixture(scope="module")
def address(archive):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=archive)
    handler.log_message = lambda *args: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/small.tar.gz"
        server.shutdown()


@pytest.fixture
def small(archive, address, monkeypatch):
    """The dataset class, with torchvision's class pointed to the small archive."""
    from torchvision.datasets import CIFAR10

    batches = archive / "small-batches-py"
    for name, value in {
        "base_folder": batches.name,
        "url": address,
        "filename": "small.tar.gz",
        "tgz_md5": md5(archive / "small.tar.gz"),
        "train_list": [[name, md5(batches / name)] for name in ("data_batch_1", "data_batch_2")],
        "test_list": [["test_batch", md5(batches / "test_batch")]],
        "meta": {"filename": "batches.meta", "key": "label_names", "md5": md5(batches / "batches.meta")},
    }.items():
        monkeypatch.setattr(CIFAR10, name, value)
    monkeypatch.setattr(Cifar10, "folder", batches.name)
    return Cifar10


@pytest.mark.slow
def test_downloads_checks_and_reads(small, archive, tmp_path):
    dataset = small(small.Params(root=str(tmp_path)))
    dataset.check()
    train, val = dataset.split("train"), dataset.split("val")
    assert dataset.classes == tuple(NAMES)
    assert train.labels.tolist() == [0, 1, 2, 0] * 2
    assert len(val) == 3
    raw = np.load(archive / "test_batch.npy")[1]
    np.testing.assert_array_equal(np.asarray(val.image(1)), raw.reshape(3, 32, 32).transpose(1, 2, 0))


@pytest.mark.slow
def test_a_damaged_file_is_refused_unread(small, tmp_path):
    dataset = small(small.Params(root=str(tmp_path)))
    dataset.split("val")
    (tmp_path / "small-batches-py" / "test_batch").write_bytes(b"not what was published")
    with pytest.raises(UserError, match="missing or damaged"):
        small(small.Params(root=str(tmp_path), download=False)).split("val")


@pytest.mark.slow
def test_an_address_that_cannot_be_reached_is_named(small, tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "url", "http://127.0.0.1:9/small.tar.gz")
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9/small\.tar\.gz") as raised:
        small(small.Params(root=str(tmp_path))).split("train")
    assert "download: false" in raised.value.hint


@pytest.mark.parametrize("cls", [Cifar10, Cifar100])
def test_planning_needs_no_files(cls, tmp_path):
    there, gone = cls(cls.Params(root=str(tmp_path))), cls(cls.Params(root=str(tmp_path), download=False))
    there.check()
    assert (there.count("train"), there.count("val")) == (50_000, 10_000)
    assert there.fingerprint(str) == gone.fingerprint(str)
    with pytest.raises(UserError, match="there is no folder"):
        gone.check()


@pytest.mark.slow
@pytest.mark.parametrize("cls", [Cifar10, Cifar100])
def test_names_what_torchvision_names(cls):
    from edgesmith.loading import load_object

    source = load_object(cls.source)
    assert (cls.folder, cls.archive_md5) == (source.base_folder, source.tgz_md5)


@pytest.mark.slow
class TestCifar10(DatasetContract):
    dataset = Cifar10

    @pytest.fixture(autouse=True)
    def _given(self, small, tmp_path, monkeypatch):
        monkeypatch.setattr(Cifar10, "counts", {"train": 8, "val": 3})
        self.params = {"root": str(tmp_path)}


@pytest.mark.slow
class TestCifar100(DatasetContract):
    """Its images come the way of CIFAR-10's."""

    dataset = Cifar100
    test_gives_images_and_labels = test_gives_the_same_images_again = None
