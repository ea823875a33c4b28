import hashlib
import os
import time

import pytest

from edgesmith_flows.memo import Memo, hash_file


@pytest.fixture
def memo(tmp_path):
    return Memo(tmp_path / "memo.sqlite")


@pytest.fixture
def file(tmp_path):
    """A file that has been lying there for a while."""
    path = tmp_path / "file"
    path.write_bytes(b"before")
    time.sleep(0.11)
    return path


def sha(content):
    return hashlib.sha256(content).hexdigest()


def test_a_file_of_many_blocks_has_the_digest_of_its_bytes(tmp_path):
    content = os.urandom((1 << 20) * 2 + 17)
    (tmp_path / "big").write_bytes(content)
    assert hash_file(tmp_path / "big") == sha(content)


def test_a_file_that_did_not_change_is_read_once(memo, file):
    reads = []
    for _ in range(3):
        memo.fact(file, "length", lambda: reads.append(1) or 6)
    assert reads == [1]


def test_what_is_remembered_outlives_the_process(memo, file):
    memo.fact(file, "length", lambda: 6)
    memo.save()
    assert Memo(memo._file).fact(file, "length", lambda: pytest.fail("read again")) == 6


def test_a_changed_file_is_read_again(memo, file):
    assert memo.digest(file) == sha(b"before")
    file.write_bytes(b"after!")
    assert memo.digest(file) == sha(b"after!")


def test_an_edit_in_place_is_seen_though_size_and_mtime_were_put_back(memo, file):
    memo.digest(file)
    stat = file.stat()
    with file.open("r+b") as stream:
        stream.write(b"AFTER!")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert memo.digest(file) == sha(b"AFTER!")


def test_an_edit_right_after_the_reading_is_seen(memo, tmp_path):
    """Two edits within one tick of the file system's clock leave the same stat."""
    path = tmp_path / "young"
    for n in range(50):
        path.write_bytes(b"%06d" % n)
        assert memo.digest(path) == sha(b"%06d" % n)


def test_a_touched_file_with_the_same_content_keeps_its_digest(memo, file):
    before = memo.digest(file)
    os.utime(file)
    assert memo.digest(file) == before


def test_another_file_in_its_place_is_seen(memo, file):
    memo.digest(file)
    other = file.with_name("other")
    other.write_bytes(b"AFTER!")
    stat = file.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(file)
    assert memo.digest(file) == sha(b"AFTER!")


def test_several_facts_of_one_file_are_kept_apart(memo, file):
    assert memo.fact(file, "a", lambda: 1) == 1
    assert memo.fact(file, "b", lambda: 2) == 2
    assert memo.fact(file, "a", lambda: pytest.fail("read again")) == 1


def test_a_broken_memo_only_costs_time(tmp_path, file):
    (tmp_path / "memo.sqlite").write_bytes(b"not a database" * 100)
    memo = Memo(tmp_path / "memo.sqlite")
    assert memo.digest(file) == sha(b"before")
    memo.save()


def test_a_memo_that_cannot_be_written_only_costs_time(tmp_path, file):
    memo = Memo(tmp_path / "no such folder" / "memo.sqlite")
    assert memo.digest(file) == sha(b"before")
    memo.save()


def test_two_memos_of_one_store_add_up(tmp_path, file):
    first, second = Memo(tmp_path / "memo.sqlite"), Memo(tmp_path / "memo.sqlite")
    first.fact(file, "a", lambda: 1), second.fact(file, "b", lambda: 2)
    first.save(), second.save()
    third = Memo(tmp_path / "memo.sqlite")
    assert third.fact(file, "a", lambda: None) == 1
    assert third.fact(file, "b", lambda: None) == 2
