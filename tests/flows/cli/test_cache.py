import json

import pytest

from edgesmith_flows.store import Store


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
