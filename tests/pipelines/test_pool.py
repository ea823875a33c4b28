"""Benchmarks handed to a work pool: a real Prefect server, and a worker with a folder, home and store of its own."""

import json
import shutil
import signal
import time

import numpy as np
import psutil
import pytest
from PIL import Image

from .serving import REPOSITORY, Service

PIPELINE = """
name: {name}
plugins: [workshop]
params: {{seed: {seed}}}
stages:
  onnx: {{uses: tiny-onnx}}
  bench:
    uses: benchmark
    needs: {{models: onnx}}
    with: {{score: false, {extra}, target: {{name: pool, pool: {pool}, patience: {patience}}}}}
"""
pytestmark = [pytest.mark.slow(15), pytest.mark.timeout(1200)]


class Lab(Service):
    """A project whose benchmarks go to a work pool."""

    @property
    def shared(self):
        return f"file://{self.folder}/shared"

    @property
    def worker_store(self):
        return self.folder / "there" / "home" / ".cache" / "edgesmith" / "store"

    def write(self, name, *, pool="ios-lab", patience=120, extra="runs: 20", seed=0):
        text = PIPELINE.format(name=name, pool=pool, patience=patience, extra=extra, seed=seed)
        (self.folder / f"{name}.yaml").write_text(text)
        return f"{name}.yaml"

    def start_worker(self, pool="ios-lab"):
        """Start a worker that shares neither folder, home, store nor plugins with the project."""
        there = self.folder / "there"
        (there / "home").mkdir(parents=True)
        away = {"HOME": str(there / "home"), "XDG_CACHE_HOME": "", "EDGESMITH_STORE": "", "PYTHONPATH": ""}
        # PREFECT_HOME holds the server's database, too: a worker on another machine has its own.
        away["PREFECT_HOME"] = str(there / "prefect")
        self.background("worker.log", "worker", "start", "--type", "process", "--pool", pool, cwd=there, **away)

    def flow_runs(self):
        listed = json.loads(self.prefect("flow-run", "ls", "--flow-name", "edgesmith-errand", "-o", "json").stdout)
        return [one["state"]["type"] for one in listed]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    shutil.copy(REPOSITORY / "tests" / "pipelines" / "workshop.py", lab.folder)
    lab.serve()
    made = lab.prefect("work-pool", "create", "ios-lab", "--type", "process")
    assert made.returncode == 0, made.stdout + made.stderr
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def worker(lab):
    lab.start_worker()
    return lab


def test_a_work_pool_that_does_not_exist_is_known_before_anything_runs(lab):
    done = lab.run("run", lab.write("typo", pool="ios-lap"), "--remote", lab.shared)
    assert done.returncode == 1
    assert "unknown work pool 'ios-lap'; did you mean 'ios-lab'?" in done.stderr
    assert "prefect work-pool create --type process 'ios-lap'" in done.stderr
    assert not lab.results()


def test_where_no_worker_comes_the_command_to_start_one_is_told_and_the_flow_run_is_cancelled(lab):
    done = lab.run("run", lab.write("patient", patience=3), "--remote", lab.shared)
    assert done.returncode == 1
    assert "no worker is online in the work pool 'ios-lab'; waiting" in done.stdout
    assert "bench: no worker is online in the work pool 'ios-lab', for" in done.stderr
    assert "prefect worker start --pool 'ios-lab'" in done.stderr
    assert lab.flow_runs() == ["CANCELLED"]


def test_the_worker_s_machine_measures_and_its_report_comes_back(worker):
    file = worker.write("lab")
    done = worker.run("run", file, "--remote", worker.shared)
    assert done.returncode == 0, done.stdout + done.stderr + (worker.folder / "worker.log").read_text()
    assert "bench: handed to the work pool 'ios-lab' as the flow run 'lab/bench'" in done.stdout
    (record,) = [one for one in worker.records() if one["pipeline"] == "lab"]
    key = record["nodes"]["bench"]["key"]
    told = json.loads((worker.store / "actions" / key[:2] / f"{key}.json").read_text())
    assert told["document"]["target"]["name"] == "host"
    assert told["figures"]["models"][0]["median_ms"] > 0
    assert (worker.worker_store / "actions" / key[:2] / f"{key}.json").is_file()
    again = worker.run("run", file, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert "2 nodes (2 cached)" in again.stdout


def test_what_the_worker_lacks_is_told_with_the_work_pool_s_name(worker):
    for kind in ("cat", "dog"):
        (worker.folder / "photos" / kind).mkdir(parents=True)
        for number in range(4):
            pixels = np.full((32, 32, 3), 40 * number, np.uint8)
            Image.fromarray(pixels).save(worker.folder / "photos" / kind / f"{number}.png")
    file = worker.write("pets", extra="data: {name: folder, path: photos}")
    done = worker.run("run", file, "--remote", worker.shared)
    assert done.returncode == 1
    assert "bench: in the work pool 'ios-lab': " in done.stderr
    assert "photos" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_ctrl_c_ends_what_runs_there(worker):
    file = worker.write("long", extra="runs: 20000000, rounds: 2")
    running = worker.start("run", file, "--remote", worker.shared)
    until = time.monotonic() + 240
    while not _named(worker, "edgesmith.runtime_host"):
        assert time.monotonic() < until, (worker.folder / "log").read_text()
        assert running.poll() is None, (worker.folder / "log").read_text()
        time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    until = time.monotonic() + 120
    while _named(worker, "edgesmith.runtime_host") or worker.flow_runs()[0] != "CANCELLED":
        assert time.monotonic() < until, (worker.folder / "worker.log").read_text()
        time.sleep(0.5)


def _named(lab, module):
    found = []
    for process in lab.processes():
        try:
            found += [process] if any(module in word for word in process.cmdline()) else []
        except psutil.Error:
            continue
    return found
