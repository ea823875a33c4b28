import json
from dataclasses import replace

import pytest

from edgesmith_flows.store import Store
from edgesmith_flows.transfer import Objects, Unreachable


@pytest.fixture
def filled(engine, project, monkeypatch):
    """A store with two artifacts."""
    monkeypatch.setenv("EDGESMITH_STORE", str(engine.folder / "store"))
    engine.run("""
        a: {uses: write}
        b: {uses: shout, needs: a}
        """)
    return engine.store


def test_an_empty_store_has_nothing(call):
    assert call("cache", "ls").out.startswith("0 artifacts, 0 bytes in ")
    assert call("cache", "verify").out == "0 artifacts, 0 damaged\n"


def test_ls_names_the_stage_the_kind_the_size_and_the_key(filled, call):
    lines = call("cache", "ls").out.splitlines()
    write = next(line.split() for line in lines if "write.text" in line)
    assert write[1:4] == ["text", "5", "write.text"]
    assert write[4] == "key"
    assert lines[-1] == f"2 artifacts, 11 bytes in {filled.root}"


def test_verify_finds_a_flipped_byte_and_exits_with_1(filled, call, edgesmith):
    assert call("cache", "verify").code == 0
    digest = next(filled.artifacts())
    file = filled.artifact_folder(digest) / "files" / "text.txt"
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(bytes(content))
    answer = edgesmith("cache", "verify", EDGESMITH_STORE=str(filled.root))
    assert answer.code == 1
    assert f"{digest}: text.txt has changed" in answer.out
    assert "2 artifacts, 1 damaged" in answer.out


def test_a_damaged_manifest_does_not_stop_ls(filled, call):
    digest = next(filled.artifacts())
    (filled.artifact_folder(digest) / "manifest.json").write_text("")
    answer = call("cache", "ls")
    assert answer.code == 0, answer.err
    assert "damaged" in answer.out


def test_the_store_may_be_given_as_option(call, tmp_path):
    Store.open(tmp_path / "other")
    assert str(tmp_path / "other") in call("cache", "ls", "--store", str(tmp_path / "other")).out


def test_a_store_that_cannot_be_opened_is_told(call, tmp_path):
    (tmp_path / "file").write_text("")
    answer = call("cache", "ls", "--store", str(tmp_path / "file" / "store"))
    assert answer.code == 1
    assert "a part of its path is a file" in answer.err


def test_gc_says_what_goes_as_text_and_as_json(filled, call):
    artifacts = sorted(filled.artifacts())
    would = call("cache", "gc", "--keep-days", "0", "--dry-run")
    assert "would remove 2 artifacts, 2 results, 0 records and pages" in would.out
    found = json.loads(call("cache", "gc", "--keep-days", "0", "--dry-run", "--json").out)
    assert (found["removed"], list(found["artifacts"]), found["records"]) == (False, artifacts, {})
    assert found["kept"] == {"artifacts": 0, "bytes": 0, "unindexed": 0}
    assert sorted(filled.artifacts()) == artifacts
    assert json.loads(call("cache", "gc", "--keep-days", "0", "--json").out)["removed"] is True
    assert list(filled.artifacts()) == []


class TestSharing:
    """`push` and `pull` count what is really there, and exit with 1 where something is missing."""

    @pytest.fixture
    def remote(self, tmp_path, monkeypatch):
        monkeypatch.setenv("EDGESMITH_REMOTE", f"file://{tmp_path}/remote")
        return tmp_path / "remote"

    @pytest.fixture
    def pipeline(self, project):
        (project / "tiny.yaml").write_text("name: tiny\nstages:\n  a: {uses: write}\n  b: {uses: shout, needs: a}\n")
        return "tiny.yaml"

    def test_what_one_pushes_another_pulls(self, filled, remote, call, tmp_path):
        sent = call("cache", "push")
        assert (sent.code, sent.err) == (0, "")
        assert sent.out.startswith(f"2 results are on the remote store file://{remote}; sent ")
        assert call("cache", "push").out.endswith("; sent 0 bytes\n")
        fetched = call("cache", "pull", "--store", str(tmp_path / "other"))
        assert (fetched.code, fetched.out) == (0, f"fetched 2 results from the remote store file://{remote}\n")

    def test_a_pipelines_results_are_pulled_alone(self, filled, remote, call, pipeline, tmp_path):
        call("cache", "push")
        fetched = call("cache", "pull", pipeline, "--set", "b.marks=2", "--store", str(tmp_path / "other"))
        assert fetched.code == 0
        assert fetched.out == f"fetched 1 results from the remote store file://{remote}; 1 of 2 nodes are cached\n"

    def test_a_place_that_can_only_be_read_gets_nothing(self, filled, remote, call, monkeypatch):
        call("cache", "push")
        action = next(filled.actions())
        filled.record(replace(action, key="0" * 64))

        def denied(self, *_):
            raise Unreachable(PermissionError("no"))

        monkeypatch.setattr(Objects, "upload", denied)
        monkeypatch.setattr(Objects, "write", denied)
        sent = call("cache", "push")
        assert sent.code == 1
        assert sent.out == f"2 of 3 results are on the remote store file://{remote}; sent 0 bytes\n"
        assert "can't be written" in sent.err

    def test_a_damaged_artifact_is_missing_there(self, filled, remote, call):
        file = filled.artifact_folder(next(filled.artifacts())) / "files" / "text.txt"
        file.chmod(0o644)
        file.write_text("damaged")
        sent = call("cache", "push")
        assert sent.code == 1
        assert sent.out.startswith("1 of 2 results are on ")
        assert "was not sent" in sent.err

    def test_what_the_remote_store_lost_is_missing_here(self, filled, remote, call, pipeline, tmp_path):
        call("cache", "push")
        for blob in remote.glob("blobs/??/*"):
            blob.unlink()
        for arguments in ([], [pipeline]):
            fetched = call("cache", "pull", *arguments, "--store", str(tmp_path / "other"))
            assert fetched.code == 1
            assert fetched.out.startswith("fetched 0 of 2 results from ")

    def test_a_remote_store_that_can_not_be_reached_is_told_once(self, filled, remote, call, pipeline, tmp_path):
        remote.write_text("in the way")
        elsewhere = ["--store", str(tmp_path / "other")]
        for arguments in (["push"], ["pull", *elsewhere], ["pull", pipeline, *elsewhere]):
            answer = call("cache", *arguments)
            assert answer.code == 1
            assert answer.err.count("can't be used") == 1

    def test_a_password_is_not_shown(self, project, call, pipeline, monkeypatch):
        monkeypatch.setenv("EDGESMITH_REMOTE", "ftp://me:secret@127.0.0.1:9/store")
        for arguments in (["push"], ["pull"], ["pull", pipeline]):
            answer = call("cache", *arguments)
            assert answer.code == 1
            assert "secret" not in answer.out + answer.err
            assert "the remote store ftp://127.0.0.1:9/store" in answer.out

    def test_without_a_remote_store_nothing_is_shared(self, call, pipeline):
        for arguments in (["push"], ["pull"], ["pull", pipeline]):
            assert "there is no remote store" in call("cache", *arguments).err
