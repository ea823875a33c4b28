import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edgesmith import Report, UserError
from edgesmith_flows import store as store_module
from edgesmith_flows.action import Action
from edgesmith_flows.memo import hash_file
from edgesmith_flows.store import Store

DIGEST = "0" * 64


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "store")


def publish(store, kind=Report, **files):
    """Publish an artifact of given files; return its digest."""
    with store.workspace() as workspace:
        folder = workspace / "made"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return store.publish(folder, kind)


def damage(store, digest, content=b"damaged"):
    file = next((store.artifact_folder(digest) / "files").iterdir())
    file.chmod(0o644)
    file.write_bytes(content)


class TestArtifacts:
    def test_what_is_published_can_be_read(self, store):
        digest = publish(store, **{"report.json": b'{"x": 1}'})
        assert store.has(digest)
        assert store.get(digest, Report).read() == {"x": 1}
        assert store.verify(digest) is None
        assert list(store.artifacts()) == [digest]

    def test_the_same_content_is_kept_once_and_other_content_apart(self, store):
        assert publish(store, a=b"1") == publish(store, a=b"1")
        assert len({publish(store, a=b"1"), publish(store, a=b"2"), publish(store, b=b"1")}) == 3
        assert len(list(store.artifacts())) == 3

    def test_the_kind_is_part_of_the_content(self, store):
        from edgesmith import OnnxModel

        assert publish(store, a=b"1") != publish(store, OnnxModel, a=b"1")

    def test_a_digest_does_not_depend_on_times_modes_or_the_place(self, store, tmp_path):
        with store.workspace() as workspace:
            folder = workspace / "b"
            folder.mkdir()
            (folder / "a").write_bytes(b"1")
            (folder / "a").chmod(0o600)
            os.utime(folder / "a", (1, 1))
            assert store.publish(folder, Report) == publish(Store.open(tmp_path / "other"), a=b"1")

    def test_folders_within_are_kept(self, store):
        with store.workspace() as workspace:
            (workspace / "made" / "Data").mkdir(parents=True)
            (workspace / "made" / "Data" / "weight.bin").write_bytes(b"1")
            digest = store.publish(workspace / "made", Report)
        assert (store.artifact_folder(digest) / "files" / "Data" / "weight.bin").read_bytes() == b"1"

    def test_published_files_are_read_only(self, store):
        file = store.artifact_folder(publish(store, a=b"1")) / "files" / "a"
        assert file.stat().st_mode & 0o777 == 0o444

    def test_a_workspace_is_gone_afterwards_whatever_happens(self, store):
        with pytest.raises(RuntimeError), store.workspace() as workspace:
            (workspace / "x").mkdir()
            raise RuntimeError
        assert not workspace.exists()
        assert list((store.root / "tmp").iterdir()) == []


class TestRefused:
    def refusal(self, store, make):
        with store.workspace() as workspace:
            folder = workspace / "made"
            folder.mkdir()
            make(folder)
            with pytest.raises(UserError) as caught:
                store.publish(folder, Report)
        assert list(store.artifacts()) == []
        return caught.value.message

    def test_a_link_to_a_file(self, store):
        message = self.refusal(store, lambda folder: (folder / "l").symlink_to("/etc/passwd"))
        assert message == "the stage wrote 'l', which is not a regular file"

    def test_a_link_to_a_folder(self, store):
        assert "not a regular file" in self.refusal(store, lambda folder: (folder / "l").symlink_to("/etc"))

    def test_a_link_to_nothing(self, store):
        assert "not a regular file" in self.refusal(store, lambda folder: (folder / "l").symlink_to("nowhere"))

    def test_a_pipe(self, store):
        assert "not a regular file" in self.refusal(store, lambda folder: os.mkfifo(folder / "p"))

    def test_a_socket(self, store, tmp_path):
        def make(folder):
            with socket.socket(socket.AF_UNIX) as sock:
                os.chdir(folder)
                sock.bind("s")

        here = Path.cwd()
        try:
            assert "not a regular file" in self.refusal(store, make)
        finally:
            os.chdir(here)

    @pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such names itself")
    def test_a_name_that_is_no_text(self, store):
        message = self.refusal(store, lambda folder: Path(os.fsdecode(bytes(folder) + b"/\xff")).write_bytes(b""))
        assert "name" in message


class TestDamage:
    @pytest.mark.parametrize("content", [b"damaged", b"onf", b"", b"ones"])
    def test_changed_bytes_are_found(self, store, content):
        digest = publish(store, a=b"one")
        damage(store, digest, content)
        assert store.verify(digest) == "a has changed"

    def test_a_missing_file_is_found(self, store):
        digest = publish(store, a=b"one", b=b"two")
        (store.artifact_folder(digest) / "files" / "a").unlink()
        assert store.verify(digest) == "a is missing"

    def test_an_extra_file_is_found(self, store):
        digest = publish(store, a=b"one")
        (store.artifact_folder(digest) / "files" / "z").write_text("?")
        assert store.verify(digest) == "z is extra"

    @pytest.mark.parametrize(
        "text", ["", "{}", "[]", "null", '{"kind": "report"}', '{"kind": "report", "files": {}}', "\x00"]
    )
    def test_a_broken_manifest_is_found(self, store, text):
        digest = publish(store, a=b"one")
        (store.artifact_folder(digest) / "manifest.json").write_text(text)
        assert store.verify(digest).startswith("its manifest")

    def test_an_artifact_that_is_not_there_is_not_sound(self, store):
        assert store.verify(DIGEST).startswith("its manifest")

    def test_a_damaged_artifact_is_set_aside_not_deleted(self, store):
        digest = publish(store, a=b"one")
        damage(store, digest)
        place = store.set_aside(digest)
        assert not store.has(digest)
        assert (place / "files" / "a").read_bytes() == b"damaged"
        store.set_aside(digest)

    def test_one_that_is_moved_away_while_it_is_looked_at_is_missing(self, store, monkeypatch):
        digest = publish(store, a=b"one")

        def late(path):
            store.set_aside(digest)
            return hash_file(path)

        monkeypatch.setattr(store_module, "hash_file", late)
        assert store.verify(digest) == "a is missing"

    def test_a_folder_where_a_file_was_can_not_be_read(self, store):
        digest = publish(store, a=b"one")
        file = store.artifact_folder(digest) / "files" / "a"
        file.unlink()
        file.symlink_to(store.root, target_is_directory=True)
        assert store.verify(digest) == "a can't be read (Is a directory)"

    def test_only_a_damaged_artifact_is_refused(self, store):
        digest = publish(store, a=b"one")
        assert store.refuse(digest) is None
        assert store.has(digest)
        damage(store, digest)
        assert "a damaged artifact (a has changed) was set aside in" in store.refuse(digest)
        assert store.refuse(digest) == "its artifact is gone"

    def test_publishing_the_sound_content_again_mends_it(self, store):
        digest = publish(store, a=b"one")
        damage(store, digest)
        assert publish(store, a=b"one") == digest
        assert store.verify(digest) is None

    def test_publishing_mends_an_artifact_that_lost_its_manifest(self, store):
        digest = publish(store, a=b"one")
        (store.artifact_folder(digest) / "manifest.json").unlink()
        assert publish(store, a=b"one") == digest
        assert store.verify(digest) is None


class TestActions:
    def action(self, store, **given):
        output = publish(store, a=b"one")
        return Action("k" * 64, {"text": output}, {"top1": 0.5}, {"stage": "write"}, **given)

    def test_what_a_key_gave_is_remembered(self, store):
        action = self.action(store, seconds=1.5)
        store.record(action)
        assert store.action(action.key) == action
        assert list(store.actions()) == [action]

    def test_an_unknown_key_gave_nothing(self, store):
        assert store.action(DIGEST) is None

    def test_a_key_whose_outputs_are_gone_gave_nothing(self, store):
        action = self.action(store)
        store.record(action)
        store.set_aside(action.outputs["text"])
        assert store.action(action.key) is None
        assert list(store.actions()) == []

    def test_a_forgotten_key_gave_nothing(self, store):
        action = self.action(store)
        store.record(action)
        store.forget(action.key)
        store.forget(action.key)
        assert store.action(action.key) is None

    @pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"outputs": 3, "figures": {}, "document": {}}', "\x00"])
    def test_a_broken_record_counts_as_none(self, store, text):
        action = self.action(store)
        store.record(action)
        store._action_file(action.key).write_text(text)
        assert store.action(action.key) is None

    def test_a_record_written_twice_is_the_last_one(self, store):
        action = self.action(store)
        store.record(action)
        store.record(Action(action.key, action.outputs, {"top1": 0.9}, action.document))
        assert store.action(action.key).figures == {"top1": 0.9}


class TestScratch:
    def test_it_is_kept_until_it_is_dropped(self, store):
        (store.scratch("k") / "checkpoint").write_text("1")
        assert (store.scratch("k") / "checkpoint").read_text() == "1"
        store.drop_scratch("k")
        assert list(store.scratch("k").iterdir()) == []
        store.drop_scratch("k")
        store.drop_scratch("k")


class TestManyAtOnce:
    def test_processes_may_publish_the_same_and_other_content_at_once(self, store):
        code = """
import sys
from pathlib import Path
from edgesmith import Report
from edgesmith_flows.action import Action
from edgesmith_flows.memo import hash_file
from edgesmith_flows.store import Store
store = Store.open(Path(sys.argv[1]))
for n in range(20):
    with store.workspace() as workspace:
        (workspace / "made").mkdir()
        (workspace / "made" / "report.json").write_text(str(n))
        digest = store.publish(workspace / "made", Report)
        store.record(Action(f"{n:064}", {"report": digest}, {}, {}))
        assert store.verify(digest) is None
"""
        processes = [subprocess.Popen([sys.executable, "-c", code, str(store.root)]) for _ in range(4)]
        assert [process.wait(60) for process in processes] == [0] * 4
        assert len(list(store.artifacts())) == 20
        assert len(list(store.actions())) == 20
        assert list((store.root / "tmp").iterdir()) == []

    def test_a_lock_is_held_by_one_thread_at_a_time(self, store):
        inside, most = [], []

        def work():
            with Store(store.root).lock("k"):
                inside.append(1)
                most.append(len(inside))
                threading.Event().wait(0.02)
                inside.pop()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most == [1] * 4

    def test_a_lock_is_given_back_when_its_holder_is_killed(self, store):
        code = (
            "import sys, time\nfrom pathlib import Path\nfrom edgesmith_flows.store import Store\n"
            "with Store(Path(sys.argv[1])).lock('k'):\n    print('held', flush=True)\n    time.sleep(60)\n"
        )
        holder = subprocess.Popen([sys.executable, "-c", code, str(store.root)], stdout=subprocess.PIPE)
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
        holder.wait()
        holder.stdout.close()
        with store.lock("k"):
            pass


class TestPlaces:
    def test_opening_makes_the_folder_and_keeps_it_out_of_git(self, tmp_path):
        store = Store.open(tmp_path / "a" / "b")
        assert (store.root / ".gitignore").read_text() == "*\n"
        assert (store.root / "FORMAT").read_text() == "1\n"

    def test_opening_twice_changes_nothing(self, store):
        digest = publish(store, a=b"1")
        assert Store.open(store.root).has(digest)

    def test_a_path_below_a_file_is_a_users_error(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="a part of its path is a file") as caught:
            Store.open(tmp_path / "file" / "store")
        assert "--store or EDGESMITH_STORE" in caught.value.hint

    def test_a_file_in_its_place_is_a_users_error(self, tmp_path):
        (tmp_path / "store").write_text("")
        with pytest.raises(UserError, match="file"):
            Store.open(tmp_path / "store")

    def test_a_file_in_place_of_a_folder_within_is_a_users_error(self, store):
        (store.root / "runs").rmdir()
        (store.root / "runs").write_text("")
        with pytest.raises(UserError, match="a file stands where a folder should be"):
            Store.open(store.root)

    def test_a_folder_that_cannot_be_written_is_a_users_error(self, tmp_path):
        tmp_path.chmod(0o555)
        me, nobody = os.geteuid(), 65534
        try:
            if me == 0:
                os.seteuid(nobody)
            with pytest.raises(UserError, match="permission denied"):
                Store.open(tmp_path / "store")
        finally:
            os.seteuid(me)

    def test_a_store_of_another_format_is_left_alone(self, store):
        (store.root / "FORMAT").write_text("99\n")
        with pytest.raises(UserError, match="has format '99'; this edgesmith reads format '1'"):
            Store.open(store.root)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 400 KiB, with a function to make it read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class TestFullDisk:
    def fill(self, disk):
        with (disk / "ballast").open("ab", buffering=0) as ballast, pytest.raises(OSError, match="No space"):
            while True:
                ballast.write(b"x" * 4096)

    def test_a_full_disk_is_a_users_error_and_publishes_nothing(self, small_disk):
        store = Store.open(small_disk / "store")
        kept = publish(store, a=b"kept")
        with store.workspace() as workspace:
            (workspace / "made").mkdir()
            (workspace / "made" / "a").write_bytes(b"x" * 10_000)
            self.fill(small_disk)
            with pytest.raises(UserError, match="the disk is full") as caught:
                store.publish(workspace / "made", Report)
        assert "every finished node is kept" in caught.value.hint
        assert list(store.artifacts()) == [kept]
        (small_disk / "ballast").unlink()
        assert publish(store, a=b"x" * 10_000) in list(store.artifacts())

    def test_a_full_disk_leaves_no_half_a_record(self, small_disk):
        store = Store.open(small_disk / "store")
        self.fill(small_disk)
        with pytest.raises(UserError, match="the disk is full"):
            store.record(Action("k" * 64, {}, {"pad": "x" * 10_000}, {}))
        assert store.action("k" * 64) is None

    def test_a_read_only_file_system_is_a_users_error(self, small_disk):
        store = Store.open(small_disk / "store")
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with pytest.raises(UserError, match="read-only file system"):
            Store.open(store.root)

    def test_a_stage_that_fills_the_disk_is_told_as_such(self, engine, small_disk):
        engine.store = Store.open(small_disk / "store")
        run = engine.run("""
            a: {uses: write}
            b: {uses: write, with: {text: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, copies: 99}, needs: {}}
            c: {uses: flood}
            """)
        assert run.states == {"a": "done", "b": "done", "c": "failed"}
        assert "disk is full" in run.error("c")
        assert run.errors["c"].exit_code == 1
        assert len(list(engine.store.artifacts())) == 2


def test_manifests_are_plain_json(store):
    digest = publish(store, a=b"one")
    manifest = json.loads((store.artifact_folder(digest) / "manifest.json").read_text())
    assert manifest["kind"] == "report"
    assert manifest["files"]["a"][1] == 3
