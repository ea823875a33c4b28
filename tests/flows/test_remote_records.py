import json

import pytest

from edgesmith_flows.action import Action, action_bytes
from edgesmith_flows.canonical import digest
from edgesmith_flows.remote_records import known_key, manifest_bytes, read_manifest, read_record, same_result

BLOB = "ab" * 32
DOCUMENT = {"stage": "train", "params": {"lr": 0.1, "epochs": 3, "names": ["a"]}, "seed": 0}
ACTION = Action(digest(DOCUMENT), {"model": BLOB}, {"top1": 0.5}, DOCUMENT, 1.5, deterministic=False)


def manifest(**files):
    return {"kind": "report", "files": files or {"a": [BLOB, 1]}}


def read(value):
    return read_manifest(digest(value), manifest_bytes(value))


class TestRecords:
    def test_a_record_comes_back_as_it_was(self):
        assert read_record(ACTION.key, action_bytes(ACTION)) == ACTION

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"outputs": [["model", BLOB]]}, "isn't a record"),
            ({"outputs": None}, "isn't a record"),
            ({"outputs": {"model": "../../etc/passwd"}}, "isn't a digest"),
            ({"outputs": {"model": BLOB.upper()}}, "isn't a digest"),
            ({"outputs": {"model": BLOB + "\n"}}, "isn't a digest"),
            ({"outputs": {"model": 3}}, "isn't a digest"),
            ({"figures": 3}, "isn't a record"),
            ({"document": {**DOCUMENT, "seed": 1}}, "doesn't give its key"),
            ({"document": {**DOCUMENT, "seed": 0.0}}, "doesn't give its key"),
            ({"seconds": "1"}, "duration"),
            ({"seconds": -1}, "duration"),
            ({"seconds": float("nan")}, "duration"),
            ({"seconds": 10**400}, "duration"),
            ({"seconds": True}, "duration"),
        ],
    )
    def test_a_changed_one_is_refused(self, change, problem):
        body = json.loads(action_bytes(ACTION))
        with pytest.raises(ValueError, match=problem):
            read_record(ACTION.key, json.dumps({**body, **change}).encode())

    @pytest.mark.parametrize("content", [b"", b"\xff", b"null", b"[]", b"{}", b"{", b"[" * 100_000])
    def test_what_is_no_record_is_refused(self, content):
        with pytest.raises(ValueError, match=r"^it (isn't|is nested)"):
            read_record(ACTION.key, content)

    @pytest.mark.parametrize("depth", [64, 300, 900])
    def test_deep_nesting_is_refused_before_anything_walks_it(self, depth):
        body = json.loads(action_bytes(ACTION))
        text = json.dumps({**body, "figures": {"x": "HERE"}}).replace('"HERE"', "[" * depth + "]" * depth)
        with pytest.raises(ValueError, match="nested too deeply"):
            read_record(ACTION.key, text.encode())

    def test_the_result_counts_and_not_how_long_it_took(self):
        assert same_result(ACTION, Action(ACTION.key, {"model": BLOB}, {"top1": 0.5}, {}, 9.0))
        assert not same_result(ACTION, Action(ACTION.key, {"model": BLOB}, {"top1": 0.6}, DOCUMENT))
        assert not same_result(ACTION, Action(ACTION.key, {"model": "cd" * 32}, {"top1": 0.5}, DOCUMENT))


class TestManifests:
    def test_a_manifest_comes_back_as_it_was(self):
        value = manifest(**{"model.mlpackage/Data/weights.bin": [BLOB, 0], "ünï cödé.json": ["cd" * 32, 7]})
        assert read(value) == value

    @pytest.mark.parametrize(
        "path",
        [
            *("/etc/passwd", "../x", "a/../../x", "..", ".", "./a", "a/.", "a//b", "a/", "", "/"),
            *("a\\b", "..\\x", "C:\\x", "a\nb", "a\0b", "a\x1b[2Jb", "a\u202eb", "\ud800", "a" * 1025),
        ],
    )
    def test_paths_that_leave_the_artifact_or_hide_are_refused(self, path):
        with pytest.raises(ValueError, match="path that is not allowed"):
            read(manifest(**{path: [BLOB, 1]}))

    def test_a_file_below_a_file_is_refused(self):
        with pytest.raises(ValueError, match="file below a file"):
            read(manifest(**{"a": [BLOB, 1], "a/b/c": [BLOB, 1]}))

    @pytest.mark.parametrize(
        "entry",
        [
            *(None, {}, "x", [], [BLOB], [BLOB, 1, 1], [BLOB, -1], [BLOB, 1.0], [BLOB, True], [BLOB, "1"]),
            *(["../" + BLOB[3:], 1], [BLOB.upper(), 1], [BLOB[1:], 1], [1, 1]),
        ],
    )
    def test_entries_without_digest_and_size_are_refused(self, entry):
        with pytest.raises(ValueError, match="no digest and size"):
            read(manifest(a=entry))

    def test_two_sizes_of_one_content_are_refused(self):
        with pytest.raises(ValueError, match="two sizes of one content"):
            read(manifest(a=[BLOB, 1], b=[BLOB, 2]))

    @pytest.mark.parametrize(
        "value",
        [
            *([], {}, {"kind": "report"}, {"files": {}}, {"kind": 3, "files": {}}, {"kind": "a\n", "files": {}}),
            *({"kind": "report", "files": []}, {"kind": "report", "files": {}, "more": 1}),
        ],
    )
    def test_what_is_no_manifest_is_refused(self, value):
        with pytest.raises(ValueError, match="isn't a manifest"):
            read(value)

    def test_a_manifest_of_another_artifact_is_refused(self):
        with pytest.raises(ValueError, match="doesn't fit its name"):
            read_manifest("0" * 64, manifest_bytes(manifest()))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (f"actions/ab/{BLOB}.json", BLOB),
        (f"actions/cd/{BLOB}.json", None),
        (f"actions/ab/{BLOB}", None),
        (f"actions/ab/x/{BLOB}.json", None),
        ("actions/ab/abc.json", None),
        (f"blobs/ab/{BLOB}.json", None),
    ],
)
def test_only_records_in_their_place_are_known(name, key):
    assert known_key(name) == key
