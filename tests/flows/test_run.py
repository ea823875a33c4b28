"""Whole runs through Prefect, as a user starts them. One server and few runs serve all tests here."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from edgesmith_flows.prefect_server import run_server

pytestmark = pytest.mark.slow
EDGESMITH = str(Path(sys.executable).with_name("edgesmith"))

PARTY = """
name: party
description: some of it goes wrong
stages:
  words: {uses: write, with: {text: hi}}
  loud: {uses: shout, needs: words}
  flaky: {uses: flaky, with: {failures: 1}, retries: 2}
  bad: {uses: mischief, with: {how: failure}}
  behind: {uses: shout, needs: bad}
  buggy: {uses: mischief, with: {how: bug}}
  model: {uses: build}
  tally: {uses: tally, needs: {models: model}}
gates:
  - tally.top1["model"] >= 1
  - loud.marks > 1
  - behind.marks == 1
"""

DEMO = """
name: demo
params: {image_size: 8}
stages:
  model: {uses: linear-fit}
  eval: {uses: evaluate, needs: {models: model}}
gates:
  - eval.top1["model"] >= 0.85
"""

PATIENT = """
name: patient
stages:
  quick: {uses: write}
  slow: {uses: mischief, needs: quick, with: {how: child, seconds: 120}}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory, demo_plugin):
    """A project folder with the playground as local plugin and the demo plugin installed, and a Prefect server."""
    import shutil

    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(Path(__file__).parent.parent / "playground", folder / "playground")
    (folder / "pyproject.toml").write_text('[tool.edgesmith]\nplugins = ["playground.plugin"]\n')
    for name, text in {"party": PARTY, "demo": DEMO, "patient": PATIENT}.items():
        (folder / f"{name}.yaml").write_text(textwrap.dedent(text))
    (folder / "prefect").mkdir()
    (folder / "tmp").mkdir()
    env = {
        **os.environ,
        "PREFECT_HOME": str(folder / "prefect"),
        "EDGESMITH_STORE": str(folder / "store"),
        "PYTHONPATH": str(demo_plugin),
        "TMPDIR": str(folder / "tmp"),
    }
    return SimpleNamespace(folder=folder, store=folder / "store", env=env)


@pytest.fixture(scope="module")
def server(house):
    """A Prefect server; its API's URL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", house.env["PREFECT_HOME"])
        with run_server(house.folder / "server.log") as url:
            yield url


@pytest.fixture(scope="module")
def run(house, server):
    """Run the command in the house."""

    def run(*arguments, **env):
        return subprocess.run(
            [EDGESMITH, "run", *arguments],
            cwd=house.folder, env={**house.env, "PREFECT_API_URL": server, **env}, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def party(run):
    return run("party.yaml", EDGESMITH_REPORTS_URL="http://reports.example/")


@pytest.fixture(scope="module")
def prefect(house, party):
    """What Prefect's database knows of the party."""

    def query(text):
        with closing(sqlite3.connect(house.folder / "prefect" / "prefect.db")) as database:
            return database.execute(text).fetchall()

    return query


class TestParty:
    def test_what_can_be_made_is_made_and_every_node_is_told(self, party):
        ended = [line.split("s  ", 1)[1] for line in party.stdout.splitlines() if line.lstrip()[:1].isdigit()]
        told = {line.split(":")[0]: line.split(": ")[1].split(" in ")[0] for line in ended}
        assert told["words"] == told["loud"] == told["flaky"] == told["model"] == told["tally"] == "done"
        assert told["bad"] == told["buggy"] == "FAILED"
        assert told["behind"] == "skipped"

    def test_a_failed_try_is_repeated_as_often_as_the_node_says(self, party):
        assert "flaky: FAILED" in party.stdout
        assert "flaky: done" in party.stdout
        assert "tries=2" in party.stdout

    def test_the_table_and_the_gates_are_printed(self, party):
        lines = party.stdout.splitlines()
        assert ["model", "sign", "3", "1.0000", "ok"] in [line.split() for line in lines]
        assert "ok   tally.top1[\"model\"] >= 1  (tally.top1['model'] = 1)" in lines
        assert "FAIL loud.marks > 1  (loud.marks = 1)" in lines
        assert any(line.startswith("FAIL behind.marks == 1  (not measured") for line in lines)

    def test_each_failure_is_one_message_and_a_bug_decides_the_exit_code(self, party):
        assert party.returncode == 3
        errors = [line for line in party.stderr.splitlines() if line.startswith("error: ")]
        assert sorted(errors) == [
            "error: 2 of 3 gates did not hold",
            "error: bad: the text could not be written",
            "error: buggy: the stage mischief (local module) failed: KeyError: 'no such key'",
        ]
        assert "Traceback" not in party.stderr + party.stdout
        assert "please attach it to a bug report" in party.stderr

    def test_it_is_a_flow_run_named_after_the_pipeline_that_failed(self, prefect):
        assert prefect("select name from flow") == [("party",)]
        assert prefect("select state_type from flow_run") == [("FAILED",)]

    def test_it_has_one_task_run_a_node_with_its_state(self, prefect):
        states = dict(prefect("select name, state_type from task_run"))
        assert len(states) == 8
        assert {name for name, state in states.items() if state == "COMPLETED"} == {
            "words", "loud", "flaky", "model", "tally",
        }  # fmt: skip
        assert states["bad"] == states["buggy"] == "FAILED"

    def test_a_failure_is_told_without_a_traceback_and_a_bug_with_the_stages(self, prefect):
        told = {text for (text,) in prefect("select message from task_run_state where type = 'FAILED'")}
        assert "the text could not be written" in told
        traces = [text for (text,) in prefect("select message from log") if "Traceback" in text]
        assert len(traces) == 1
        assert "KeyError: 'no such key'" in traces[0]

    def test_the_table_and_the_gates_are_artifacts_of_prefects_ui(self, prefect):
        assert {key for (key,) in prefect("select key from artifact where key is not null")} == {
            "party-results", "party-gates", "party-lineage", "party-report",
        }  # fmt: skip

    def test_a_dash_in_the_table_is_left_out_as_the_ui_would_show_a_bullet(self, prefect):
        ((data,),) = prefect("select data from artifact where key = 'party-results'")
        assert "-" not in {cell for row in json.loads(json.loads(data)) for cell in row.values()}

    def test_the_lineage_says_what_was_made_from_what(self, prefect):
        ((data,),) = prefect("select data from artifact where key = 'party-lineage'")
        rows = {row["node"]: row for row in json.loads(json.loads(data))}
        assert (rows["loud"]["from"], rows["loud"]["state"]) == ("words", "done")
        assert rows["loud"]["gave"].startswith("text ")
        assert (rows["bad"]["gave"], rows["bad"]["state"]) == ("", "failed")

    def test_the_report_is_written_where_it_is_linked_to(self, prefect, house):
        ((data,),) = prefect("select data from artifact where key = 'party-report'")
        (link,) = re.findall(r"\(http://reports.example/([^)]+)\)", data)
        assert "<title>" in (house.store / "reports" / link).read_text()
        assert (house.store / "runs" / link).with_suffix(".json").exists()

    def test_what_is_made_is_an_asset_with_what_it_was_made_from(self, prefect):
        ask = "select resource_id, event, related, payload from events where event like 'prefect.asset.material%'"
        until = time.monotonic() + 30  # the server writes events in batches
        while len(rows := prefect(ask)) < 7 and time.monotonic() < until:
            time.sleep(0.2)
        shown = {name: (event, json.loads(related), json.loads(payload)) for name, event, related, payload in rows}
        event, related, payload = shown["edgesmith://party/loud/text"]
        assert event == "prefect.asset.materialization.succeeded"
        assert {"prefect.resource.id": "edgesmith://party/words/text", "prefect.resource.role": "asset"} in related
        assert len(payload["digest"]) == 64
        assert payload["marks"] == 1
        assert shown["edgesmith://party/bad/text"][0] == "prefect.asset.materialization.failed"

    def test_the_progress_of_each_node_is_one_too(self, prefect):
        told = [text for (text,) in prefect("select description from artifact where type = 'progress'")]
        assert any(text.startswith("words: ") for text in told)

    def test_finished_nodes_are_kept_and_shown_as_cached(self, run, party, prefect):
        again = run("party.yaml", "--only", "loud", "--force", "loud", "--set", "loud.marks=2")
        assert again.returncode == 0, again.stderr
        assert "words: cached" in again.stdout
        assert "loud: done" in again.stdout
        assert ("Cached",) in prefect("select state_name from task_run where name = 'words (cached)'")
        (data,) = prefect("select data from artifact where key = 'party-report' order by created desc")[0]
        assert "edgesmith report" in data

    def test_no_scratch_and_nothing_half_made_is_left(self, house, party):
        assert list((house.store / "tmp").iterdir()) == []


class TestDemoPlugin:
    """tests/demo_plugin is a distribution of its own: a stage, an artifact kind and a runtime."""

    def test_its_stage_and_runtime_run_in_a_pipeline(self, run):
        done = run("demo.yaml")
        assert done.returncode == 0, done.stderr + done.stdout
        assert "fitted 1930 weights" in done.stdout
        (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("model ")]
        assert row[1] == "linear"
        assert row[-1] == "ok"

    def test_a_second_run_finds_everything_and_asks_no_server(self, run):
        run("demo.yaml")
        done = run("demo.yaml", PREFECT_API_URL="http://127.0.0.1:9/api")
        assert done.returncode == 0, done.stderr
        assert "demo: 2 nodes (2 cached)" in done.stdout


class TestEnding:
    """Without a configured API the run has a server of its own. All that it started ends with it."""

    @pytest.fixture
    def running(self, house):
        """Start a run and wait until it is in the middle of its slow node; give it and all its processes."""
        started = []

        def running(**env):
            process = subprocess.Popen(
                [EDGESMITH, "run", "patient.yaml"], cwd=house.folder, env={**house.env, **env}, start_new_session=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            started.append(process)
            until = time.monotonic() + 120
            while not any((house.store / "scratch").glob("*/pid")):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < until
                time.sleep(0.05)
            return process, psutil.Process(process.pid).children(recursive=True)

        yield running
        for pid in (house.store / "scratch").glob("*/pid"):
            pid.unlink()
        for process in started:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def assert_interrupted(self, process, children, number):
        begun = time.monotonic()
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=30)
        taken = time.monotonic() - begun
        assert process.returncode == 130
        assert err == "error: interrupted; finished nodes are kept, the next run goes on from here\n"
        assert psutil.wait_procs(children, timeout=3)[1] == []
        assert taken < 5

    def test_ctrl_c_ends_everything_within_five_seconds_and_keeps_finished_nodes(self, running, run):
        process, children = running()
        assert len(children) == 3  # the server, the worker, and what the stage started
        self.assert_interrupted(process, children, signal.SIGINT)
        assert "quick: cached\nslow: will run" in run("patient.yaml", "--dry-run").stdout

    def test_sigterm_is_no_slower_though_prefect_listens_to_it_too(self, running, server):
        process, children = running(PREFECT_API_URL=server)
        self.assert_interrupted(process, children, signal.SIGTERM)

    def test_a_run_that_is_killed_leaves_no_process_and_nothing_half_made(self, running, house):
        process, children = running()
        process.kill()
        process.wait()
        assert psutil.wait_procs(children, timeout=15)[1] == []
        assert all((folder / "manifest.json").is_file() for folder in (house.store / "artifacts").glob("??/*"))


def test_a_record_of_every_run_is_kept(house, party):
    records = [json.loads(file.read_text()) for file in (house.store / "runs").glob("*-party.json")]
    (nodes,) = [record["nodes"] for record in records if "bad" in record["nodes"]]
    assert nodes["bad"]["state"] == "failed"
    assert nodes["loud"]["key"]
