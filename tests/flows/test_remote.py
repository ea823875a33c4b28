"""Against real places: folders, and an S3 server (moto's) on this machine."""

import contextlib
import hashlib
import json
import logging
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import fsspec
import pytest

from edgesmith import OnnxModel, Report, UserError
from edgesmith_flows import transfer
from edgesmith_flows.action import Action, action_bytes
from edgesmith_flows.canonical import digest
from edgesmith_flows.remote import Remote
from edgesmith_flows.remote_records import action_name, blob_name, manifest_name
from edgesmith_flows.store import Store


def start_s3():
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    return server


def stop_s3(server):
    server.stop()
    server._server.server_close()


def endpoint(server):
    return "http://{}:{}".format(*server.get_host_and_port())


@pytest.fixture(scope="module")
def aws():
    """An environment with credentials for nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield patch


@pytest.fixture(scope="module")
def s3(aws):
    """An S3 server, which the environment names."""
    server = start_s3()
    aws.setenv("AWS_ENDPOINT_URL", endpoint(server))
    yield server
    stop_s3(server)


@dataclass
class Place:
    """A remote place, and a view of it that goes past `Remote`."""

    url: str
    told: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.files, self.root = fsspec.url_to_fs(self.url, use_listings_cache=False)

    def open(self):
        return Remote(self.url, self.told.append)

    def names(self):
        start = len(self.root) + 1
        return sorted(name[start:] for name in self.files.find(self.root))

    def read(self, name):
        return self.files.cat_file(f"{self.root}/{name}")

    def write(self, name, content):
        if self.url.startswith("file:"):
            Path(self.root, name).parent.mkdir(parents=True, exist_ok=True)
        self.files.pipe_file(f"{self.root}/{name}", content)

    def remove(self, name):
        self.files.rm_file(f"{self.root}/{name}")


@pytest.fixture
def bucket(s3, tmp_path_factory):
    """An empty place in a bucket of its own."""
    name = f"bucket-{random.SystemRandom().getrandbits(64):x}"
    place = Place(f"s3://{name}/some/prefix")
    place.files.mkdir(name)
    return place


@pytest.fixture
def folder(tmp_path):
    """An empty place in a folder that isn't there yet."""
    return Place(f"file://{tmp_path}/shared/store")


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow), "memory"])
def place(request):
    """An empty place of each sort."""
    if request.param == "memory":
        return Place(f"memory://{random.SystemRandom().getrandbits(64):x}")
    return request.getfixturevalue(request.param)


@pytest.fixture
def make_store(tmp_path):
    """Make an empty store, as another machine has it."""
    return lambda name="store": Store.open(tmp_path / name)


def make(store, seed=0, kind=Report, **files):
    """Record an action with one artifact of given files."""
    with store.workspace() as workspace:
        for name, content in files.items():
            path = workspace / "made" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        artifact = store.publish(workspace / "made", kind)
    document = {"stage": "demo", "seed": seed}
    action = Action(digest(document), {"out": artifact}, {"top1": 0.5}, document, 1.5)
    store.record(action)
    return action


def noise(size):
    return random.Random(size).randbytes(size)


def sha(content):
    return hashlib.sha256(content).hexdigest()


def damage(store, action, content):
    file = next((store.artifact_folder(action.outputs["out"]) / "files").iterdir())
    file.chmod(0o644)
    file.write_bytes(content)


class TestRoundTrip:
    def test_what_one_machine_made_another_one_gets(self, place, make_store):
        here, there = make_store("here"), make_store("there")
        files = {"a": b"one", "empty": b"", "Data/deep/weights.bin": noise(70_000), "same": b"one"}
        made = make(here, kind=OnnxModel, **files)
        remote = place.open()
        assert remote.pull_action(there, made.key) is None
        sent = remote.push_action(here, made)
        assert sent > 70_000

        assert place.open().pull_action(there, made.key) == made
        assert there.action(made.key) == made
        assert there.verify(made.outputs["out"]) is None
        got = there.get(made.outputs["out"], OnnxModel).path
        assert {p.relative_to(got).as_posix(): p.read_bytes() for p in got.rglob("*") if p.is_file()} == files
        assert there.manifest(made.outputs["out"]) == here.manifest(made.outputs["out"])
        assert list((there.root / "tmp").iterdir()) == []
        assert place.told == []

    def test_the_layout_is_as_documented(self, place, make_store):
        store = make_store()
        made = make(store, a=b"one")
        place.open().push_action(store, made)
        blob = store.manifest(made.outputs["out"])["files"]["a"][0]
        wanted = ["FORMAT", action_name(made.key), blob_name(blob), manifest_name(made.outputs["out"])]
        assert place.names() == sorted(wanted)
        assert place.read("FORMAT") == b"1\n"
        assert place.read(blob_name(blob)) == b"one"

    def test_what_is_there_is_not_sent_again(self, place, make_store):
        store, remote = make_store(), place.open()
        made = make(store, a=noise(9000), b=b"1")
        assert remote.push_action(store, made) > 9000
        assert remote.push_action(store, made) == 0
        assert place.open().push_action(store, made) == 0
        shares_a_file = make(store, seed=1, a=noise(9000), c=b"2")
        assert 0 < remote.push_action(store, shares_a_file) < 3000

    def test_another_result_of_a_key_replaces_the_old_one(self, place, make_store):
        store, other, remote = make_store(), make_store("other"), place.open()
        remote.push_action(store, make(store, a=b"1"))
        newer = make(store, a=b"2")
        remote.push_action(store, newer)
        assert remote.pull_action(other, newer.key) == newer

    def test_an_action_without_outputs_travels(self, place, make_store):
        document = {"stage": "gate"}
        action = Action(digest(document), {}, {"x": 1}, document, deterministic=False)
        place.open().push_action(make_store("here"), action)
        assert place.open().pull_action(make_store("there"), action.key) == action

    def test_one_artifact_can_be_pulled_alone(self, place, make_store):
        store, other, remote = make_store(), make_store("other"), place.open()
        made = make(store, a=b"1")
        assert not remote.pull_artifact(other, made.outputs["out"])
        remote.push_action(store, made)
        assert remote.pull_artifact(other, made.outputs["out"])
        assert other.verify(made.outputs["out"]) is None
        assert other.action(made.key) is None

    def test_the_keys_are_listed(self, place, make_store):
        store, remote = make_store(), place.open()
        assert list(remote.actions()) == []
        made = [make(store, seed=n, a=b"1") for n in range(3)]
        for action in made:
            remote.push_action(store, action)
        place.write("actions/readme.txt", b"")
        assert list(remote.actions()) == sorted(action.key for action in made)

    @pytest.mark.slow
    def test_large_files_go_in_parts_and_come_in_blocks(self, bucket, make_store):
        store, other, remote = make_store(), make_store("other"), bucket.open()
        made = make(store, model=noise(transfer.PART + 300_000))
        assert remote.push_action(store, made) > transfer.PART
        assert remote.push_action(store, made) == 0
        assert remote.pull_action(other, made.key) == made
        assert other.verify(made.outputs["out"]) is None

    def test_nothing_is_left_beside_what_was_written_to_a_folder(self, folder, make_store):
        store = make_store()
        folder.open().push_action(store, make(store, model=noise(transfer.PART + 1), b=b"1"))
        assert not [name for name in folder.names() if name.startswith("tmp/")]

    def test_an_old_copy_of_what_was_damaged_here_is_fetched_anew(self, place, make_store):
        store, remote = make_store(), place.open()
        made = make(store, a=b"one")
        remote.push_action(store, made)
        damage(store, made, b"two")
        store.set_aside(made.outputs["out"])
        assert remote.pull_action(store, made.key) == made
        assert store.verify(made.outputs["out"]) is None


class TestMany:
    def test_two_pushers_and_two_pullers_at_once(self, place, make_store):
        stores = [make_store(f"here{n}") for n in range(2)]
        files = {f"file{n}": noise(1000 + n) for n in range(12)}
        actions = [make(store, **files) for store in stores]
        assert actions[0] == actions[1]
        others = [make_store(f"there{n}") for n in range(2)]

        def push(n):
            place.open().push_action(stores[n], actions[n])

        def pull(n):
            remote = place.open()
            while remote.pull_action(others[n], actions[n].key) is None:
                assert not remote.dead
                time.sleep(0.01)

        threads = [threading.Thread(target=work, args=[n], daemon=True) for work in (push, pull) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert [store.verify(actions[0].outputs["out"]) for store in others] == [None, None]
        assert len([name for name in place.names() if name.startswith("blobs/")]) == len(files)
        assert not [name for name in place.names() if name.startswith("tmp/")]
        assert place.told == []

    @pytest.mark.slow
    def test_pulls_of_one_artifact_into_one_store_fetch_it_once(self, bucket, make_store, monkeypatch):
        store, other = make_store(), make_store("other")
        made = make(store, a=noise(400_000))
        bucket.open().push_action(store, made)
        with Proxy(os.environ["AWS_ENDPOINT_URL"]) as proxy:
            monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
            threads = [
                threading.Thread(target=bucket.open().pull_action, args=[Store(other.root), made.key]) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        assert other.verify(made.outputs["out"]) is None
        assert proxy.answered < 500_000


class Proxy:
    """Passes TCP connections on, until so many bytes were answered; then it breaks them, and refuses new ones."""

    def __init__(self, url, limit=None):
        host, _, port = url.rpartition("/")[2].partition(":")
        self.upstream, self.limit, self.answered = (host, int(port)), limit, 0
        self.lock, self.open = threading.Lock(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.cut()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.upstream)
            self.open += [client, server]
            threading.Thread(target=self.pump, args=[client, server, False], daemon=True).start()
            threading.Thread(target=self.pump, args=[server, client, True], daemon=True).start()

    def pump(self, source, target, counts):
        try:
            while data := source.recv(1 << 14):
                if counts:
                    with self.lock:
                        self.answered += len(data)
                    if self.limit is not None and self.answered > self.limit:
                        return self.cut()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        for one in [self.listener, *self.open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class TestResume:
    @pytest.mark.slow
    def test_a_pull_that_broke_goes_on_where_it_stopped(self, bucket, make_store, monkeypatch):
        monkeypatch.setattr(transfer, "BLOCK", 64 << 10)
        server = os.environ["AWS_ENDPOINT_URL"]
        store, other = make_store(), make_store("other")
        made = make(store, model=noise(1_000_000))
        bucket.open().push_action(store, made)

        with Proxy(server, limit=500_000) as proxy:
            monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
            remote = bucket.open()
            assert remote.pull_action(other, made.key) is None
            assert remote.dead
        assert len(bucket.told) == 1
        (part,) = (other.root / "tmp").glob("pull-*/*.part")
        assert 300_000 < part.stat().st_size < 600_000

        with Proxy(server) as proxy:
            monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
            assert bucket.open().pull_action(other, made.key) == made
        assert proxy.answered < 700_000
        assert other.verify(made.outputs["out"]) is None
        assert list((other.root / "tmp").iterdir()) == []

    def part(self, store, action, content):
        (blob, _), *_ = store.manifest(action.outputs["out"])["files"].values()

        def write(other):
            folder = other.root / "tmp" / f"pull-{action.outputs['out']}"
            folder.mkdir()
            (folder / f"{blob}.part").write_bytes(content)

        return write

    @pytest.mark.parametrize(
        "left",
        [b"", noise(5000)[:1234], noise(5000), b"x" * 1234, b"x" * 5000, noise(5000) + b"more"],
        ids=["nothing", "a piece", "all", "a wrong piece", "all wrong", "too much"],
    )
    def test_what_a_broken_pull_left_is_used_if_it_fits(self, folder, make_store, left):
        store, other = make_store(), make_store("other")
        made = make(store, a=noise(5000))
        folder.open().push_action(store, made)
        self.part(store, made, left)(other)
        assert folder.open().pull_action(other, made.key) == made
        assert other.verify(made.outputs["out"]) is None
        assert list((other.root / "tmp").iterdir()) == []
        assert folder.told == []

    @pytest.mark.slow
    def test_a_push_that_broke_goes_on_with_the_missing_files(self, bucket, make_store):
        store = make_store()
        made = make(store, a=noise(5000), b=noise(6000))
        remote = bucket.open()
        remote.push_action(store, made)
        blob = store.manifest(made.outputs["out"])["files"]["a"][0]
        for name in (blob_name(blob), manifest_name(made.outputs["out"]), action_name(made.key)):
            bucket.remove(name)
        assert 5000 < bucket.open().push_action(store, made) < 6000
        assert bucket.open().pull_action(make_store("other"), made.key) == made

    def test_a_large_file_that_changes_under_way_is_not_there_afterwards(self, place, make_store):
        store = make_store()
        made = make(store, model=noise(transfer.PART + 1))
        damage(store, made, noise(transfer.PART + 2)[:-1])
        assert place.open().push_action(store, made) == 0
        assert place.names() == ["FORMAT"]
        assert "model has changed" in place.told[0]


class TestDamage:
    def test_a_damaged_artifact_is_not_sent(self, place, make_store):
        store, other = make_store(), make_store("other")
        made = make(store, a=b"one")
        damage(store, made, b"two")
        remote = place.open()
        assert remote.push_action(store, made) == 0
        assert place.names() == ["FORMAT"]
        (told,) = place.told
        assert "a has changed; `edgesmith cache verify`" in told
        assert not remote.dead
        assert remote.pull_action(other, made.key) is None

    def test_an_artifact_that_is_gone_is_not_sent(self, place, make_store):
        store = make_store()
        made = make(store, a=b"one")
        store.set_aside(made.outputs["out"])
        assert place.open().push_action(store, made) == 0
        assert "its manifest: No such file" in place.told[0]

    @pytest.mark.parametrize("wrong", [b"two", b"on", b"", b"one and more"])
    def test_wrong_bytes_on_the_remote_count_as_absent_and_are_mended(self, place, make_store, wrong):
        store, other, third = make_store(), make_store("other"), make_store("third")
        made = make(store, a=b"one")
        place.open().push_action(store, made)
        blob = store.manifest(made.outputs["out"])["files"]["a"][0]
        place.write(blob_name(blob), wrong)

        remote = place.open()
        if wrong.startswith(b"one"):
            assert remote.pull_action(other, made.key) == made
            return
        assert remote.pull_action(other, made.key) is None
        assert list(other.artifacts()) == []
        assert list((other.root / "tmp").iterdir()) == []
        (told,) = place.told
        assert f"{blob_name(blob)}: its bytes don't fit its name" in told
        assert not remote.dead

        remote.push_action(other, make(other, a=b"one"))
        assert place.read(blob_name(blob)) == b"one"
        assert place.open().pull_action(third, made.key) == made

    @pytest.mark.slow
    def test_a_blob_cut_behind_the_first_block_counts_as_wrong(self, bucket, make_store, monkeypatch):
        monkeypatch.setattr(transfer, "BLOCK", 1000)
        store, remote = make_store(), bucket.open()
        made = make(store, a=noise(3000))
        remote.push_action(store, made)
        blob = store.manifest(made.outputs["out"])["files"]["a"][0]
        bucket.write(blob_name(blob), noise(3000)[:2000])
        assert remote.pull_action(make_store("other"), made.key) is None
        assert not remote.dead
        assert len(bucket.told) == 1

    @pytest.mark.parametrize("what", ["blob", "manifest", "record"])
    def test_what_is_missing_makes_it_absent_and_is_sent_again(self, place, make_store, what):
        store, other = make_store(), make_store("other")
        made = make(store, a=b"one")
        remote = place.open()
        remote.push_action(store, made)
        blob = store.manifest(made.outputs["out"])["files"]["a"][0]
        names = {
            "blob": blob_name(blob),
            "manifest": manifest_name(made.outputs["out"]),
            "record": action_name(made.key),
        }
        place.remove(names[what])
        assert remote.pull_action(other, made.key) is None
        assert place.told == []
        assert not remote.dead
        assert remote.push_action(store, made) > 0
        assert remote.pull_action(other, made.key) == made

    @pytest.mark.parametrize("content", [b"", b"{}"])
    @pytest.mark.parametrize("what", ["manifest", "record"])
    def test_nonsense_is_told_and_overwritten(self, place, make_store, what, content):
        store, other = make_store(), make_store("other")
        made = make(store, a=b"one")
        place.open().push_action(store, made)
        name = {"manifest": manifest_name(made.outputs["out"]), "record": action_name(made.key)}[what]
        place.write(name, content)
        remote = place.open()
        assert remote.pull_action(other, made.key) is None
        assert len(place.told) == 1
        assert name in place.told[0]
        assert place.open().push_action(store, made) > 0
        assert remote.pull_action(other, made.key) == made


class TestHostile:
    """A remote that plays tricks, with digests that fit."""

    def plant(self, place, files, outputs=None):
        manifest = {"kind": "report", "files": files}
        artifact = digest(manifest)
        document = {"stage": "evil"}
        record = {"outputs": outputs or {"out": artifact}, "figures": {}, "document": document, "seconds": 1}
        place.write("FORMAT", b"1\n")
        place.write(manifest_name(artifact), json.dumps(manifest).encode())
        place.write(action_name(digest(document)), json.dumps(record).encode())
        content = b"evil"
        blob = sha(content)
        place.write(blob_name(blob), content)
        return digest(document)

    @pytest.mark.parametrize("path", ["../evil", "../../evil", "a/../../evil", "..\\evil", "/tmp/evil", "a\x1bb"])
    def test_paths_out_of_the_artifact_are_refused(self, folder, make_store, tmp_path, path):
        key = self.plant(folder, {path: [sha(b"evil"), 4]})
        store = make_store()
        before = sorted(tmp_path.rglob("*"))
        assert folder.open().pull_action(store, key) is None
        assert "path that is not allowed" in folder.told[0]
        assert set(tmp_path.rglob("*")) - set(before) <= {*(store.root / "locks").iterdir()}

    def test_a_digest_that_is_a_path_is_refused(self, folder, make_store):
        key = self.plant(folder, {"a": [sha(b"evil"), 4]}, outputs={"out": "../../../../etc/passwd"})
        assert folder.open().pull_action(make_store(), key) is None
        assert "isn't a digest" in folder.told[0]

    def test_a_size_that_is_not_true_is_refused(self, folder, make_store):
        key = self.plant(folder, {"a": [sha(b"evil"), 1 << 50]})
        assert folder.open().pull_action(make_store(), key) is None
        assert "don't fit its name" in folder.told[0]

    def test_two_sizes_of_one_content_are_refused(self, folder, make_store):
        key = self.plant(folder, {"a": [sha(b"evil"), 4], "b": [sha(b"evil"), 5]})
        store = make_store()
        assert folder.open().pull_action(store, key) is None
        assert store.action(key) is None
        assert len(folder.told) == 1

    def test_a_record_of_another_key_is_refused(self, folder, make_store):
        key = self.plant(folder, {"a": [sha(b"evil"), 4]})
        other = digest({"stage": "good"})
        folder.write(action_name(other), folder.read(action_name(key)))
        assert folder.open().pull_action(make_store(), other) is None
        assert "its document doesn't give its key" in folder.told[0]

    @pytest.mark.parametrize(
        ("ports", "problem"),
        [
            ([], "it has no output; expected the outputs 'out'"),
            (["model"], "it has the outputs 'model'; expected the outputs 'out'"),
        ],
    )
    def test_a_record_with_other_ports_than_its_node_counts_as_absent(self, folder, make_store, ports, problem):
        made = make(make_store("other"), a=b"1")
        folder.open().push_action(make_store("other"), made)
        given = dict.fromkeys(ports, made.outputs["out"])
        folder.write(action_name(made.key), action_bytes(replace(made, outputs=given)))
        store = make_store()
        assert folder.open().peek(made.key, {"out": "report"}) is None
        assert folder.open().pull_action(store, made.key, {"out": "report"}) is None
        assert store.recorded(made.key) is None
        assert problem in folder.told[0]
        assert "counts as absent" in folder.told[0]

    def test_a_record_of_another_kind_than_its_nodes_is_not_kept(self, folder, make_store):
        made = make(make_store("other"), a=b"1")
        folder.open().push_action(make_store("other"), made)
        store = make_store()
        assert folder.open().pull_action(store, made.key, {"out": "onnx"}) is None
        assert store.recorded(made.key) is None
        assert "its output 'out' is of the kind 'report'; expected 'onnx'" in folder.told[0]
        assert folder.open().pull_action(store, made.key, {"out": "report"}) == made

    def test_a_record_too_large_to_read_is_refused(self, folder, make_store):
        key = self.plant(folder, {"a": [sha(b"evil"), 4]})
        with Path(folder.root, action_name(key)).open("wb") as file:
            file.truncate(200 << 20)
        assert folder.open().pull_action(make_store(), key) is None
        assert "larger than" in folder.told[0]


@contextlib.contextmanager
def nobody():
    """Root may write everywhere: be somebody else for a while."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)


class TestDead:
    def check(self, remote, told, store, action):
        """It is dead, told so once, and does nothing any more."""
        assert remote.dead
        (text,) = told
        assert "going on with the local store alone" in text
        begun = time.monotonic()
        assert remote.pull_action(store, action.key) is None
        assert remote.pull_artifact(store, "0" * 64) is False
        assert remote.push_action(store, action) == 0
        assert list(remote.actions()) == []
        assert time.monotonic() - begun < 0.1
        assert len(told) == 1
        return text

    def test_a_closed_port_is_known_in_seconds(self, aws, make_store, monkeypatch):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        store = make_store()
        made = make(store, a=b"1")
        begun = time.monotonic()
        told = []
        remote = Remote("s3://bucket/prefix", told.append)
        assert remote.pull_action(store, made.key) is None
        assert time.monotonic() - begun < 5
        text = self.check(remote, told, store, made)
        assert "s3://bucket/prefix" in text
        assert f'EndpointConnectionError: Could not connect to the endpoint URL: "http://127.0.0.1:{port}' in text

    @pytest.mark.slow
    def test_a_server_that_stops_in_the_middle(self, bucket, make_store, monkeypatch):
        server = start_s3()
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint(server))
        store = make_store()
        first, second = make(store, a=b"1"), make(store, seed=1, a=b"2")
        remote = bucket.open()
        assert remote.push_action(store, first) > 0
        stop_s3(server)
        assert remote.push_action(store, second) == 0
        self.check(remote, bucket.told, store, first)

    @pytest.mark.slow
    def test_a_server_that_never_answers(self, bucket, make_store, monkeypatch):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
            store = make_store()
            made = make(store, a=b"1")
            begun = time.monotonic()
            remote = bucket.open()
            threads = [threading.Thread(target=remote.pull_action, args=[store, made.key]) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert time.monotonic() - begun < 30
            assert "Read timeout" in self.check(remote, bucket.told, store, made)

    @pytest.mark.slow
    def test_missing_credentials(self, bucket, make_store, monkeypatch):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        store = make_store()
        made = make(store, a=b"1")
        remote = bucket.open()
        remote.pull_action(store, made.key)
        text = self.check(remote, bucket.told, store, made)
        assert "NoCredentialsError" in text
        assert "credentials" in text

    @pytest.mark.slow
    def test_a_missing_bucket(self, s3, make_store):
        place = Place("s3://no-such-bucket/prefix")
        store = make_store()
        made = make(store, a=b"1")
        remote = place.open()
        assert remote.push_action(store, made) == 0
        assert "bucket does not exist" in self.check(remote, place.told, store, made)

    def test_a_file_where_the_folder_should_be(self, tmp_path, make_store):
        (tmp_path / "file").write_text("")
        place = Place(f"file://{tmp_path}/file")
        store = make_store()
        made = make(store, a=b"1")
        remote = place.open()
        remote.push_action(store, made)
        assert "NotADirectoryError" in self.check(remote, place.told, store, made)

    def test_a_remote_of_another_format(self, place, make_store):
        place.write("FORMAT", b"99\n")
        store = make_store()
        made = make(store, a=b"1")
        remote = place.open()
        remote.push_action(store, made)
        assert "format '99', and this edgesmith reads format '1'" in self.check(remote, place.told, store, made)
        assert place.names() == ["FORMAT"]

    def test_a_remote_that_may_only_be_read_is_read(self, make_store):
        with tempfile.TemporaryDirectory() as name:  # pytest's own folders can't be seen by `nobody`
            Path(name).chmod(0o755)
            place, store = Place(f"file://{name}/shared"), Store.open(Path(name, "store"))
            first, second = make(store, a=b"1"), make(store, seed=1, a=b"2")
            place.open().push_action(store, first)
            before = place.names()
            folders = [Path(path) for path, _, _ in os.walk(place.root)]
            for path in folders:
                path.chmod(0o555)
            remote = place.open()
            with nobody():
                assert remote.push_action(store, second) == 0
                assert remote.push_action(store, second) == 0
            (told,) = place.told
            assert "can't be written (PermissionError" in told
            assert f"{place.root}/tmp/" in told
            assert place.names() == before
            assert not remote.dead
            assert remote.pull_action(make_store("other"), first.key) == first
            for path in folders:
                path.chmod(0o755)

    def test_it_can_be_stopped_without_a_word(self, place, make_store):
        store, remote = make_store(), place.open()
        made = make(store, a=b"1")
        remote.stop()
        assert remote.push_action(store, made) == 0
        assert remote.dead
        assert place.told == []

    @pytest.mark.slow
    def test_a_stop_ends_a_transfer_within_a_block(self, bucket, make_store, monkeypatch):
        monkeypatch.setattr(transfer, "BLOCK", 1000)
        store, other = make_store(), make_store("other")
        made = make(store, a=noise(3_000_000))
        bucket.open().push_action(store, made)
        remote = bucket.open()
        thread = threading.Thread(target=remote.pull_action, args=[other, made.key])
        thread.start()
        while not list((other.root / "tmp").glob("pull-*/*.part")):
            time.sleep(0.01)
        remote.stop()
        thread.join(2)
        assert not thread.is_alive()
        assert bucket.told == []

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("ftp://me:secret@host/x", True),
            ("redis://:secret@host/0", True),
            ("sftp://me@host:22/x", False),
            ("s3://bucket/a:b@c", False),
        ],
    )
    def test_a_password_in_the_url_is_found(self, url, expected):
        assert transfer.holds_password(url) is expected

    def test_a_password_in_the_url_is_not_shown(self):
        assert transfer.shown("ftp://me:secret@host/x/y@z") == "ftp://host/x/y@z"


class TestUrls:
    @pytest.mark.parametrize("url", ["", "bucket/prefix", "/mnt/share", "s3:", "s3://", "s3:///", "://x", "file:///"])
    def test_what_is_no_url_is_a_users_error(self, url):
        with pytest.raises(UserError, match="is not a URL") as caught:
            Remote(url)
        assert "file:///mnt/share" in caught.value.hint

    def test_an_unknown_protocol_is_a_users_error_with_the_nearest(self):
        with pytest.raises(UserError, match="did you mean 's3'"):
            Remote("s4://bucket/prefix")

    def test_a_missing_package_is_a_users_error_that_names_it(self, monkeypatch):
        with pytest.raises(UserError, match="not installed") as caught:
            Remote("gs://bucket/prefix")
        assert "uv pip install gcsfs" in caught.value.hint


def test_importing_it_does_not_import_fsspec(python):
    loaded = python("import sys, edgesmith_flows.remote; print(*sys.modules)").split()
    assert not {"fsspec", "s3fs", "botocore", "aiohttp"} & set(loaded)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat(bucket, make_store):
    code = r"""
import re, sys
from pathlib import Path
from edgesmith_flows.remote import Remote
from edgesmith_flows.store import Store
here, there = Store.open(Path(sys.argv[2])), Store.open(Path(sys.argv[3]))
remote = Remote(sys.argv[1])
assert remote.pull_action(there, "0" * 64) is None
peak = lambda: int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
before = peak()
(action,) = here.actions()
remote.push_action(here, action)
assert remote.pull_action(there, action.key) == action
print(peak() - before)
"""
    here = make_store("here")
    make(here, model=noise(128 << 20))
    arguments = [bucket.url, str(here.root), str(here.root.with_name("there"))]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    print(done.stdout)
    assert float(done.stdout) < 64


class TestArtifacts:
    def test_an_artifact_travels_without_any_record(self, folder, make_store):
        made = make(make_store(), a=b"1")
        (artifact,) = made.outputs.values()
        assert folder.open().push_artifact(make_store(), artifact)
        other = make_store("other")
        assert folder.open().pull_artifact(other, artifact)
        assert other.verify(artifact) is None
        assert folder.open().peek(made.key) is None

    def test_a_damaged_one_or_one_that_is_not_here_is_not_sent(self, folder, make_store):
        store = make_store()
        made = make(store, a=b"1")
        (artifact,) = made.outputs.values()
        file = store.artifact_folder(artifact) / "files" / "a"
        file.chmod(0o644)
        file.write_bytes(b"2")
        assert not folder.open().push_artifact(store, artifact)
        assert not folder.open().push_artifact(store, "0" * 64)

    def test_one_that_is_there_already_counts_even_where_nothing_can_be_written(self, folder, make_store):
        made = make(make_store(), a=b"1")
        (artifact,) = made.outputs.values()
        folder.open().push_artifact(make_store(), artifact)
        assert folder.open().push_artifact(make_store("empty"), artifact)
