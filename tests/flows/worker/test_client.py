"""Worker processes, seen from the side that starts them."""

import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from edgesmith import Cancelled, StageFailed, UserError
from edgesmith_flows.bridge import bridge_for
from edgesmith_flows.toolchains import Environment
from edgesmith_flows.worker.client import StageBug, Worker, WorkerPool

HERE = Environment("here", sys.executable)


@pytest.fixture(scope="module")
def worker(registry, tmp_path_factory):
    """A warm worker; it starts anew after it died."""
    worker = Worker(HERE, bridge_for(registry), tmp_path_factory.mktemp("worker") / "log")
    yield worker
    worker.stop()


@pytest.fixture
def own_worker(registry, tmp_path):
    worker = Worker(HERE, bridge_for(registry), tmp_path / "log")
    yield worker
    worker.stop()


@pytest.fixture
def job(tmp_path):
    """A job for a playground stage."""

    def job(stage="playground.mischief:Mischief", **params):
        for name in ("text", "scratch"):
            (tmp_path / name).mkdir(exist_ok=True)
        return {
            "node": "a",
            "stage": stage,
            "params": params,
            "inputs": {},
            "outputs": {"text": str(tmp_path / "text")},
            "seed": 3,
            "scratch": str(tmp_path / "scratch"),
            "datasets": {},
            "launches": {},
            "no_runtime": {},
            "targets": {},
            "model_sources": {},
        }

    return job


def ignore(event):
    pass


def gone(pid, seconds=5):
    """Wait until a process has ended (a zombie has)."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def written(file, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if file.exists() and file.read_text():
            return int(file.read_text())
        time.sleep(0.02)
    raise AssertionError(f"{file} was never written")


class TestWork:
    def test_a_job_gives_figures_and_files_and_tells_how_it_goes(self, worker, job, tmp_path):
        events = []
        figures = worker.run(job("playground.write:Write", text="hi", copies=2), events.append)
        assert figures == {"letters": 4, "seed": 3}
        assert (tmp_path / "text" / "text.txt").read_text() == "hihi"
        told = [event for event in events if event["event"] != "ready"]
        assert told == [
            {"event": "log", "level": "INFO", "text": "wrote 4 letters"},
            {"event": "progress", "done": 1, "total": 1, "figures": {"letters": 4}},
        ]

    def test_one_process_does_many_jobs(self, worker, job):
        pids = set()
        for _ in range(3):
            worker.run(job("playground.write:Write"), ignore)
            pids.add(worker._process.pid)
        assert len(pids) == 1

    def test_what_a_stage_prints_goes_to_the_log_and_cannot_forge_a_message(self, worker, job):
        assert worker.run(job(how="print"), ignore) == {"honest": 1}
        log = worker.log.read_bytes()
        assert b"forged" in log
        assert b"from a child" in log
        assert b"\xff\xfe" in log


class TestFailures:
    def test_a_users_error_comes_through_with_its_hint(self, worker, job):
        with pytest.raises(UserError, match="the text is not polite") as caught:
            worker.run(job(how="user-error"), ignore)
        assert caught.value.hint == "say please"

    def test_a_stages_failure_stays_one(self, worker, job):
        with pytest.raises(StageFailed, match="could not be written"):
            worker.run(job(how="failure"), ignore)

    def test_any_other_exception_is_a_bug_of_the_stage_with_its_traceback(self, worker, job):
        with pytest.raises(StageBug, match="KeyError: 'no such key'") as caught:
            worker.run(job(how="bug"), ignore)
        assert caught.value.exit_code == 3
        assert "in _bug" in caught.value.trace

    def test_figures_that_are_not_json_are_told(self, worker, job):
        with pytest.raises(StageBug, match="it returned figures that are not JSON: Object of type object"):
            worker.run(job(how="figures"), ignore)

    def test_figures_that_are_no_mapping_are_told(self, worker, job):
        with pytest.raises(StageBug, match="it returned int; expected a mapping or None"):
            worker.run(job(how="wrong-return"), ignore)

    def test_an_unknown_output_port_is_told_with_the_nearest_one(self, worker, job):
        with pytest.raises(UserError, match="unknown output port 'texts'; did you mean 'text'"):
            worker.run(job(how="wrong-port"), ignore)

    def test_a_full_disk_is_no_bug(self, worker, job):
        with pytest.raises(StageFailed, match="the disk is full"):
            worker.run(job(how="disk-full"), ignore)

    def test_a_store_that_is_removed_in_mid_run_is_no_bug(self, worker, job):
        with pytest.raises(StageFailed, match="the store's folder was removed while the stage ran"):
            worker.run(job(how="raze"), ignore)

    def test_a_worker_goes_on_after_a_failure(self, worker, job):
        for how in ("bug", "user-error"):
            with pytest.raises((StageBug, UserError)):
                worker.run(job(how=how), ignore)
        pid = worker._process.pid
        worker.run(job("playground.write:Write"), ignore)
        assert worker._process.pid == pid


class TestDeaths:
    @pytest.mark.parametrize(
        ("how", "message"),
        [
            ("exit", r"its process died: exit code 5; its last lines were:\n    last words"),
            ("sys-exit", r"its process died: exit code 1; its last lines were:\n    enough"),
            ("kill", r"its process died: SIGKILL"),
            ("segfault", r"its process died: SIGSEGV \(a crash in native code\)"),
        ],
    )
    def test_a_process_that_dies_is_reported_and_the_next_job_gets_a_new_one(self, worker, job, how, message):
        with pytest.raises(StageFailed, match=message):
            worker.run(job(how=how), ignore)
        assert worker.run(job("playground.write:Write"), ignore)["letters"] == 5

    def test_a_death_that_has_a_likely_cause_says_what_to_do(self, worker, job):
        with pytest.raises(StageFailed) as caught:
            worker.run(job(how="kill"), ignore)
        assert "killed it from outside" in caught.value.hint

    def test_the_last_lines_are_those_of_this_job(self, worker, job):
        with pytest.raises(StageFailed, match="last words"):
            worker.run(job(how="exit"), ignore)
        with pytest.raises(StageFailed) as caught:
            worker.run(job(how="kill"), ignore)
        assert "last words" not in caught.value.message

    def test_what_it_started_dies_with_it(self, worker, job, tmp_path):
        with pytest.raises(StageFailed):
            worker.run(job(how="child-and-exit"), ignore)
        assert gone(written(tmp_path / "scratch" / "pid"))


class TestEnding:
    def test_temporary_files_go_with_the_process(self, own_worker, job, tmp_path):
        """Libraries remove theirs when the interpreter ends, which a killed process never comes to."""
        places = []
        for how in ("litter-and-exit", "litter"):
            with contextlib.suppress(StageFailed):
                own_worker.run(job(how=how), ignore)
            places.append(Path((tmp_path / "scratch" / "left").read_text()))
        assert [place.exists() for place in places] == [False, True]
        own_worker.stop()
        assert not places[1].parent.exists()
        assert places[1].parent.parent == Path(tempfile.gettempdir())

    def test_no_room_for_temporary_files_is_told(self, own_worker, job, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        with pytest.raises(UserError, match="no folder for temporary files can be made: No such file"):
            own_worker.run(job(how="nothing"), ignore)

    def test_a_job_that_takes_too_long_is_stopped_with_what_it_started(self, worker, job, tmp_path):
        worker.run(job("playground.write:Write"), ignore)
        begun = time.monotonic()
        with pytest.raises(StageFailed, match=r"it took longer than its timeout of 1 s and was stopped"):
            worker.run(job(how="child"), ignore, timeout=1)
        assert time.monotonic() - begun < 5
        assert gone(written(tmp_path / "scratch" / "pid"))

    def test_a_job_in_time_is_not_stopped_later(self, worker, job):
        worker.run(job("playground.write:Write"), ignore)
        worker.run(job("playground.write:Write"), ignore, timeout=0.5)
        worker.run(job(how="sleep", seconds=0.6), ignore)

    def test_stopping_ends_the_job_and_all_that_it_started(self, own_worker, job, tmp_path):
        import threading

        errors = []

        def work():
            try:
                own_worker.run(job(how="child"), ignore)
            except Cancelled as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        pid = written(tmp_path / "scratch" / "pid")
        own_worker.stop()
        thread.join(5)
        assert len(errors) == 1
        assert gone(pid)

    def test_a_stopped_worker_stays_stopped(self, own_worker, job):
        own_worker.stop()
        with pytest.raises(Cancelled):
            own_worker.run(job("playground.write:Write"), ignore)

    def test_a_stopped_pool_gives_no_workers(self, registry, tmp_path):
        pool = WorkerPool(tmp_path)
        assert pool.worker(HERE, {}) is pool.worker(HERE, {})
        pool.stop()
        with pytest.raises(Cancelled):
            pool.worker(HERE, {})

    def test_a_worker_ends_with_the_process_that_started_it_however_that_ended(self, job, tmp_path, python, registry):
        import json
        import subprocess

        code = (
            "import json, sys\nfrom pathlib import Path\n"
            "from edgesmith_flows.toolchains import Environment\n"
            "from edgesmith_flows.worker.client import Worker\n"
            "job, bridge = json.loads(sys.argv[1])\n"
            "Worker(Environment('here', sys.executable), bridge, Path(sys.argv[2])).run(job, lambda event: None)\n"
        )
        arguments = json.dumps([job(how="child"), bridge_for(registry)])
        parent = subprocess.Popen([sys.executable, "-c", code, arguments, str(tmp_path / "log")])
        grandchild = written(tmp_path / "scratch" / "pid")
        (worker,) = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert gone(worker.pid)
        assert gone(grandchild)
