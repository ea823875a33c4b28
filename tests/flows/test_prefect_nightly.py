"""A nightly as a Prefect flow, on a real server."""

import json
import os
import subprocess
import sys

import pytest

from edgesmith_flows.prefect_server import run_server

PIPELINE = """\
name: tiny
plugins: [playground.plugin]
stages:
  a: {uses: write, with: {text: TEXT}}
  b: {uses: shout, needs: a}
gates: [a.letters <= 3]
"""

SCRIPT = """
import json
from prefect.client.orchestration import get_client
import edgesmith_flows.deployed as deployed

state = deployed.little(return_state=True)
with get_client(sync_client=True) as client:
    artifacts = [one for one in client.read_artifacts() if one.key == "little-verdicts"]
    newest = max(artifacts, key=lambda one: one.created).data
    flows = sorted(client.read_flow(run.flow_id).name for run in client.read_flow_runs())
print(json.dumps([state.type.value, state.name, state.message, newest, flows]))
"""


@pytest.mark.slow(25)
@pytest.mark.timeout(600)
def test_a_regression_fails_the_flow_run_and_the_artifact_says_what(project, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))  # a database of its own: other tests run flows, too
    (project / "pipelines").mkdir()
    (project / "pipelines" / "little.yaml").write_text("name: little\nnightly: {pipelines: [tiny]}\n")

    def night(text):
        (project / "pipelines" / "tiny.yaml").write_text(PIPELINE.replace("TEXT", text))
        env = {**os.environ, "PREFECT_API_URL": url}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, env=env, cwd=project
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    with run_server(tmp_path / "server.log") as url:
        kind, name, message, artifact, flows = night("hi")
        assert (kind, name) == ("COMPLETED", "Completed")
        assert "nothing got worse" in message
        assert flows == ["little", "tiny"]
        kind, name, message, artifact, _ = night("long")
        assert (kind, name) == ("FAILED", "Regression")
        assert message == "little: 1 regression: tiny: a.letters <= 3"
        assert "| **regressed** | `a.letters <= 3` |" in artifact
