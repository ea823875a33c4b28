"""One pipeline on several machines: Dask workers that share nothing but the remote store."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from .commands import MARK, Place

PIPELINE = """
name: wide
runner: "dask:tcp://127.0.0.1:{port}"
plugins: [playground.plugin]
stages:
  a: {{uses: write, matrix: {{i: [{numbers}]}}, with: {{text: "text ${{matrix.i}}"}}}}
  b: {{uses: shout, needs: a, matrix: {{i: [{numbers}]}}}}
  c: {{uses: shout, needs: b, matrix: {{i: [{numbers}]}}, with: {{marks: 2}}}}
"""
WIDTH = 20


@pytest.fixture
def place(tmp_path, request):
    """A project with the playground and a remote store; processes that are left are ended."""
    place = Place(tmp_path)
    (tmp_path / "playground").symlink_to(request.config.rootpath / "tests" / "playground")
    yield place
    for process in place.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
def cluster(place):
    """A Dask scheduler, and three workers with stores and temporary folders of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--no-dashboard"]
    log = (place.folder / "dask.log").open("ab")
    subprocess.Popen([*command, "--port", str(port)], cwd=place.folder, env=place.env, stdout=log, stderr=log)
    workers = []
    for number in range(3):
        own = place.folder / f"machine{number}"
        (own / "tmp").mkdir(parents=True)
        env = {
            **place.env,
            "EDGESMITH_STORE": str(own / "store"),
            "TMPDIR": str(own / "tmp"),
            "PREFECT_HOME": str(own / "prefect"),
            "PYTHONPATH": str(place.folder),
        }
        command = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--no-dashboard"]
        command += ["--nthreads", "1", "--nworkers", "1", "--no-nanny", "--local-directory", str(own / "dask")]
        workers.append(subprocess.Popen(command, cwd=place.folder, env=env, stdout=log, stderr=log))
    (place.folder / "wide.yaml").write_text(PIPELINE.format(port=port, numbers=", ".join(map(str, range(WIDTH)))))
    return workers


def environ(remote):
    return {"EDGESMITH_REMOTE": f"file://{remote}"}


@pytest.mark.slow(40)
def test_a_matrix_is_made_across_three_machines_and_a_killed_one_loses_nothing(place, cluster):
    remote = place.folder / "remote"
    process = place.start("run", "wide.yaml", log="log", **environ(remote))
    until = time.monotonic() + 240
    while time.monotonic() < until and len(list((remote / "actions").glob("??/*.json"))) < 12:
        assert process.poll() is None, (place.folder / "log").read_text()
        time.sleep(0.1)
    os.kill(cluster[0].pid, signal.SIGKILL)
    assert process.wait(300) == 0, (place.folder / "log").read_text()
    told = (place.folder / "log").read_text()
    states = {state: int(count) for count, state in re.findall(r"(\d+) (done|cached|failed|skipped)[,)]", told)}
    # A node whose machine was killed after it had sent the result is found on the remote store.
    assert states.get("done", 0) + states.get("cached", 0) == 60, told
    made = [len(list((place.folder / f"machine{n}" / "store" / "actions").glob("??/*.json"))) for n in range(3)]
    assert all(made[1:]), made
    assert len(place.results()) == 60
    assert place.run("cache", "verify").stdout == "60 artifacts, 0 damaged\n"
    again = place.run("run", "wide.yaml", **environ(remote))
    assert "60 nodes (60 cached)" in again.stdout
    assert MARK in place.env


@pytest.mark.slow(20)
def test_a_local_cluster_shares_the_local_store_and_runs_pipelines_of_stages(place):
    (place.folder / "inner.yaml").write_text("name: inner\nparams: {text: hi}\nstages:\n  a: {uses: write}\n")
    (place.folder / "wide.yaml").write_text(
        "name: pair\nplugins: [playground.plugin]\nstages:\n  a: {uses: write}\n  b: {uses: shout, needs: a}\n"
        "  bad: {uses: mischief, with: {how: failure}}\n  c: {uses: shout, needs: bad}\n"
        "  r: {uses: rehearse, with: {pipeline: inner.yaml, texts: [one]}}\n"
    )
    done = place.run("run", "wide.yaml", "--runner", "dask", PYTHONPATH=str(place.folder))
    assert done.returncode == 1
    assert "bad: the text could not be written" in done.stderr, done.stdout + done.stderr
    assert "5 nodes (3 done, 1 failed, 1 skipped)" in done.stdout, done.stdout + done.stderr
    assert len(place.results()) == 4
    assert place.quiet() == []
