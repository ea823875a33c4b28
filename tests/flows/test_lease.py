"""What a running pipeline uses is known to others for as long as it lives, and no longer."""

import subprocess
import sys
import threading

import pytest

from edgesmith_flows.lease import Gate, Lease, leased, sweep
from edgesmith_flows.store import Store


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "store")


class TestGate:
    def test_many_may_hold_it_shared(self, tmp_path):
        with Gate(tmp_path / "gate").hold(), Gate(tmp_path / "gate").hold(wait=False) as got:
            assert got

    def test_one_alone_keeps_the_others_out(self, tmp_path):
        with Gate(tmp_path / "gate").hold(alone=True), Gate(tmp_path / "gate").hold(wait=False) as got:
            assert not got
        with Gate(tmp_path / "gate").hold(wait=False) as got:
            assert got

    def test_it_waits_for_those_who_hold_it(self, tmp_path):
        order = []
        gate = Gate(tmp_path / "gate")

        def alone():
            with gate.hold(alone=True):
                order.append("alone")

        with gate.hold():
            thread = threading.Thread(target=alone)
            thread.start()
            thread.join(0.1)
            order.append("shared")
        thread.join()
        assert order == ["shared", "alone"]

    def test_a_thread_that_holds_it_may_take_it_again(self, tmp_path):
        gate = Gate(tmp_path / "gate")
        with gate.hold(alone=True), gate.hold(), gate.hold(wait=False) as got:
            assert got


class TestLease:
    def test_it_names_what_is_used_until_it_ends(self, tmp_path):
        lease = Lease(tmp_path)
        lease.keep(["a", "b"])
        lease.keep(["c"])
        assert leased(tmp_path) == {"a", "b", "c"}
        lease.end()
        assert leased(tmp_path) == set()
        assert list(tmp_path.iterdir()) == []

    def test_a_live_one_and_its_workspace_are_not_swept(self, tmp_path):
        (tmp_path / "leases").mkdir()
        lease = Lease(tmp_path / "leases")
        (tmp_path / "tmp" / lease.name).mkdir(parents=True)
        sweep(tmp_path / "leases", tmp_path / "tmp")
        assert (tmp_path / "tmp" / lease.name).exists()
        lease.end()

    def test_a_killed_run_holds_nothing_and_is_swept_by_the_next(self, store):
        code = (
            "import os, signal, sys; from pathlib import Path; from edgesmith_flows.store import Store\n"
            "store = Store.open(Path(sys.argv[1]))\n"
            "with store.lease(), store.workspace() as folder:\n"
            "    (folder / 'half').write_bytes(b'made')\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        subprocess.run([sys.executable, "-c", code, str(store.root)], check=False)
        assert len(list((store.root / "leases").iterdir())) == 1
        assert len(list((store.root / "tmp").rglob("half"))) == 1
        with store.lease():
            assert len(list((store.root / "leases").iterdir())) == 1
            assert list((store.root / "tmp").rglob("half")) == []
        assert list((store.root / "tmp").iterdir()) == []
