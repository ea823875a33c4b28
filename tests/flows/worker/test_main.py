"""The worker's side of the line."""

import json
import subprocess
import sys

import pytest

from edgesmith.channel import start
from edgesmith_flows.bridge import bridge_for


@pytest.fixture
def line(registry):
    """A worker process and the line to it."""
    process, channel = start(
        sys.executable, bridge_for(registry), "edgesmith_flows.worker.main", output=subprocess.DEVNULL, session=True
    )
    yield process, channel
    channel.close()
    process.wait(10)


def job(tmp_path, stage, **params):
    (tmp_path / "text").mkdir(exist_ok=True)
    empty = {name: {} for name in ("inputs", "datasets", "launches", "no_runtime", "targets", "model_sources")}
    about = {"stage": stage, "params": params, "scratch": str(tmp_path), "seed": 0}
    return {"op": "run", **empty, **about, "outputs": {"text": str(tmp_path / "text")}}


def test_it_says_that_it_is_ready_and_which_protocol_it_speaks(line):
    hello = line[1].receive()
    assert hello["event"] == "ready"
    assert hello["protocol"] == 1


def test_it_ends_when_its_parent_hangs_up(line):
    process, channel = line
    channel.receive()
    channel.close()
    assert process.wait(10) == -9


def test_a_stage_that_looks_at_cancelled_can_end_by_itself(line, tmp_path):
    _, channel = line
    channel.send(job(tmp_path, "playground.mischief:Mischief", how="patience"))
    while channel.receive()["event"] != "progress":
        pass
    channel.send({"op": "cancel"})
    failed = channel.receive()
    assert (failed["event"], failed["type"], failed["message"]) == ("failed", "Cancelled", "as you wish")


def test_ctrl_c_is_its_parents_business(line, tmp_path):
    import os
    import signal

    process, channel = line
    channel.receive()
    os.killpg(process.pid, signal.SIGINT)
    channel.send(job(tmp_path, "playground.write:Write"))
    events = [channel.receive()["event"] for _ in range(3)]
    assert events == ["log", "progress", "done"]


def test_params_are_checked_again_where_they_are_used(line, tmp_path):
    _, channel = line
    channel.receive()
    channel.send(job(tmp_path, "playground.write:Write", copies=0))
    assert "copies" in channel.receive()["message"]


def test_a_job_is_plain_json(engine):
    """Paths and names cross the line, nothing pickled."""
    from edgesmith_flows.job import make_job

    executor = engine.executor("""
        m: {uses: build}
        t: {uses: tally, needs: {models: m}}
        """)
    executor.make("m")
    digest = executor.results["m"].action.outputs["model"]
    with engine.store.workspace() as workspace:
        made = make_job(
            executor.plan.steps["t"].node, store=engine.store, registry=engine.registry,
            identities=executor.identities, bridge=executor.bridge, digests={"models": [digest]},
            workspace=workspace, key="k",
        )  # fmt: skip
        assert json.loads(json.dumps(made)) == made
    assert made["inputs"]["models"][0]["kind"] == "playground.kinds:Sign"
    assert made["launches"]["sign"]["runtime"] == "playground.runtime:SignRuntime"
    assert made["targets"]["desk"] == "playground.target:Desk"
