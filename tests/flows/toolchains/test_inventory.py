"""What is built on this machine, and taking it away."""

import os
import time

import pytest

from edgesmith import Toolchain, UserError
from edgesmith_flows.toolchains.build import lock_of
from edgesmith_flows.toolchains.inventory import environments, named, own_bytes, remove
from edgesmith_flows.toolchains.record import RECORD

OTHER = Toolchain(("click<1",))


def test_there_may_be_none(fresh):
    assert list(environments(fresh.root)) == []


def test_each_is_told_with_its_record_and_its_last_use(fresh, pretend):
    folder = pretend(iniconfig="1.1.1")
    hour_ago = time.time() - 3600
    os.utime(folder / RECORD, (hour_ago, hour_ago))
    (fresh.root / ".locks").mkdir()
    (found,) = environments(fresh.root)
    assert found.record.toolchain.requirements == ("iniconfig<2",)
    assert found.idle_days == pytest.approx(1 / 24, rel=0.01)
    fresh.find(found.record.toolchain)
    (found,) = environments(fresh.root)
    assert found.idle_days < 0.01


def test_a_damaged_one_is_told_too(fresh, pretend):
    (pretend() / RECORD).unlink()
    (found,) = environments(fresh.root)
    assert (found.record, found.idle_days) == (None, None)


def test_one_is_named_by_the_start_of_its_name(fresh, pretend):
    first, second = pretend(), pretend(OTHER)
    assert named(fresh.root, first.name[:6]).folder == first
    assert named(fresh.root, second.name).folder == second
    with pytest.raises(UserError, match="unknown toolchain 'nothing'"):
        named(fresh.root, "nothing")
    with pytest.raises(UserError, match="unknown toolchain ''"):
        named(fresh.root, "")


def test_files_that_others_share_are_not_of_its_own_disk(tmp_path):
    folder = tmp_path / "environment"
    folder.mkdir()
    empty = own_bytes(folder)
    (tmp_path / "cache").write_bytes(b"x" * 100_000)
    (folder / "linked").hardlink_to(tmp_path / "cache")
    assert own_bytes(folder) == empty
    (folder / "own").write_bytes(b"x" * 100_000)
    assert own_bytes(folder) >= empty + 100_000


class TestRemove:
    def test_it_goes_whole(self, fresh, pretend):
        folder = pretend()
        (found,) = environments(fresh.root)
        assert remove(found) is None
        assert not folder.exists()
        assert [path.name for path in fresh.root.iterdir()] == [".locks"]
        assert fresh.find(found.record.toolchain) is None

    def test_one_in_use_stays(self, fresh, pretend):
        folder = pretend()
        (found,) = environments(fresh.root)
        fresh.find(found.record.toolchain)
        assert remove(found) == "a running pipeline uses it"
        assert folder.exists()

    def test_one_being_built_stays(self, fresh, pretend):
        folder = pretend()
        (found,) = environments(fresh.root)
        with lock_of(folder):
            assert remove(found) == "it is being built"
        assert folder.exists()

    def test_a_damaged_one_can_be_removed(self, fresh, pretend):
        folder = pretend()
        (folder / RECORD).unlink()
        (found,) = environments(fresh.root)
        assert remove(found) is None
        assert not folder.exists()
