"""Pipelines in service: a real Prefect server and worker, and the commands that people type."""

import json
import shutil
import subprocess
import sys
import time

import pytest
import yaml

from edgesmith_flows.settings import known_pipelines

from .commands import Place
from .serving import REPOSITORY, Service

PIPELINE = """
name: greeting
description: "A text and its echo"
params: {text: hello}
plugins: [playground.plugin]
stages:
  a: {uses: write, resources: [desk]}
  b: {uses: shout, needs: a}
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service"))
    fill(service)
    service.serve()
    yield service
    service.stop()


def fill(service):
    """Make the service's folder a project with one pipeline."""
    (service.folder / "playground").symlink_to(REPOSITORY / "tests" / "playground")
    (service.folder / "pipelines").mkdir()
    (service.folder / "pipelines" / "greeting.yaml").write_text(PIPELINE)


@pytest.fixture(scope="module")
def deployed(service):
    """The answer of `edgesmith deploy`, and a worker for the pool that it made."""
    answer = service.run("deploy", "greeting", EDGESMITH_REPORTS_URL="http://reports.example")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    service.background("worker.log", "worker", "start", "--pool", "edgesmith")
    return answer


@pytest.mark.slow
@pytest.mark.timeout(1200)
class TestDeployments:
    def test_deploy_makes_the_pool_and_says_what_to_type_next(self, deployed, service):
        assert deployed.stdout.splitlines()[0] == "greeting: deployed to the work pool edgesmith"
        assert "prefect deployment run greeting" in deployed.stdout
        assert "greeting/greeting" in service.prefect("deployment", "ls").stdout

    def test_the_literal_command_runs_it_in_a_worker(self, deployed, service):
        done = service.prefect("deployment", "run", "greeting", "--watch")
        assert done.returncode == 0, done.stdout + done.stderr + (service.folder / "worker.log").read_text()
        assert len(service.results()) == 2
        assert [node["state"] for node in service.records()[-1]["nodes"].values()] == ["done", "done"]

    def test_the_flow_run_links_to_the_page_that_it_wrote(self, deployed, service):
        (report,) = [one for one in service.ask("artifacts/filter") if one["key"] == "greeting-report"]
        (page,) = (service.store / "reports").iterdir()
        assert report["flow_run_id"]
        assert f"(http://reports.example/{page.name})" in report["data"]
        assert f"run <code>{page.stem}</code>" in page.read_text()

    def test_prefect_s_own_form_and_params_work_and_what_is_cached_is_not_made_again(self, deployed, service):
        given = json.dumps({"b.marks": 3})
        done = service.prefect("deployment", "run", "greeting/greeting", "-p", f"params={given}", "--watch")
        assert done.returncode == 0, done.stdout + done.stderr
        assert [node["state"] for node in service.records()[-1]["nodes"].values()] == ["cached", "done"]

    def test_an_unknown_name_is_one_message_with_the_nearest(self, deployed, service):
        done = service.prefect("deployment", "run", "greetin")
        assert done.returncode == 1
        told = done.stdout + done.stderr
        assert "Unknown deployment 'greetin'; did you mean 'greeting'?" in told
        assert "Traceback" not in told

    def test_a_name_that_several_bear_lists_them(self, deployed, service):
        for flow in ("one", "other"):
            (service.folder / f"{flow}.py").write_text(f"from prefect import flow\n@flow\ndef {flow}(): pass\n")
            code = (
                f"from {flow} import {flow}\n"
                f"flow = {flow}.from_source('.', '{flow}.py:{flow}')\n"
                "flow.deploy('twin', work_pool_name='edgesmith', print_next_steps=False)"
            )
            command = [sys.executable, "-c", code]
            made = subprocess.run(
                command, cwd=service.folder, env=service.env, capture_output=True, text=True, check=False
            )
            assert made.returncode == 0, made.stderr
        done = service.prefect("deployment", "run", "twin")
        assert done.returncode == 1
        assert "one/twin, other/twin" in done.stdout + done.stderr

    def test_what_to_type_next_can_be_pasted(self, service):
        done = service.run("deploy", "greeting", "--pool", "my board")
        assert "next: prefect worker start --pool 'my board'" in done.stdout, done.stderr

    def test_a_resource_is_a_concurrency_limit_of_one(self, deployed, service):
        assert "desk" in service.prefect("global-concurrency-limit", "ls").stdout

    def test_an_unknown_pipeline_is_not_deployed(self, service):
        done = service.run("deploy", "greetin")
        assert done.returncode == 1
        assert "did you mean 'greeting'" in done.stderr


def deployment(service):
    """What the server says of the deployment `greeting`."""
    return service.send("GET", "deployments/name/greeting/greeting")


def schedule(service, *slugs):
    """Give the deployment schedules of these slugs, and no others."""
    found = deployment(service)
    for one in found["schedules"]:
        service.send("DELETE", f"deployments/{found['id']}/schedules/{one['id']}")
    schedules = [{"schedule": {"cron": "0 3 * * *", "timezone": "UTC"}, "slug": slug} for slug in slugs]
    service.send("POST", f"deployments/{found['id']}/schedules", schedules)


@pytest.fixture
def kept(service):
    """A deployment that somebody has set up after it was made: paused, with a schedule, a param and a limit."""
    assert service.run("deploy", "greeting").returncode == 0
    schedule(service, None)
    content = {"paused": True, "concurrency_limit": 2, "parameters": {"force": ["a"]}}
    service.send("PATCH", f"deployments/{deployment(service)['id']}", content)
    return deployment(service)


@pytest.mark.slow
class TestDeployingAgain:
    def test_schedules_and_what_else_users_have_set_stay(self, kept, service):
        done = service.run("deploy", "greeting")
        assert done.returncode == 0, done.stderr
        found = deployment(service)
        assert [one["id"] for one in found["schedules"]] == [one["id"] for one in kept["schedules"]]
        assert found["paused"]
        assert found["parameters"] == {"force": ["a"]}
        assert found["global_concurrency_limit"]["limit"] == 2

    def test_what_is_served_starts_by_the_schedules_that_it_has(self, kept, service):
        process = service.start("serve", "greeting")
        try:
            until = time.monotonic() + 120
            while deployment(service)["paused"]:
                assert time.monotonic() < until, (service.folder / "log").read_text()
                time.sleep(0.3)
        finally:
            process.kill()
            process.wait()
        assert [one["id"] for one in deployment(service)["schedules"]] == [one["id"] for one in kept["schedules"]]

    @pytest.mark.parametrize("slugs", [[None], ["early", "late"]])
    def test_cron_takes_the_place_of_schedules_and_lets_them_start(self, kept, service, slugs):
        """Prefect itself refuses to replace those that all have slugs."""
        schedule(service, *slugs)
        done = service.run("deploy", "greeting", "--cron", "30 4 * * *", "--timezone", "Europe/Berlin")
        assert done.returncode == 0, done.stderr
        found = deployment(service)
        (only,) = found["schedules"]
        assert (only["schedule"]["cron"], only["schedule"]["timezone"]) == ("30 4 * * *", "Europe/Berlin")
        assert not found["paused"]


@pytest.mark.slow
class TestWhatIsHandedOn:
    """The job variables, which Prefect's server shows to everybody who reaches it."""

    def test_the_variables_of_where_deploy_is_called(self, service):
        done = service.run("deploy", "greeting", EDGESMITH_REMOTE="sftp://me@host/share")
        assert done.returncode == 0, done.stderr
        expected = {"EDGESMITH_STORE": str(service.store), "EDGESMITH_REMOTE": "sftp://me@host/share"}
        assert deployment(service)["job_variables"] == {"env": expected}

    def test_a_remote_with_a_password_is_not(self, service):
        done = service.run("deploy", "greeting", EDGESMITH_REMOTE="ftp://me:secret@host/share")
        assert done.returncode == 0, done.stderr
        assert deployment(service)["job_variables"] == {"env": {"EDGESMITH_STORE": str(service.store)}}
        assert "EDGESMITH_REMOTE holds a password and is not handed on: set it where the workers run" in done.stderr

    def test_a_container_gets_no_path_of_this_machine(self, service):
        service.prefect("work-pool", "create", "ships", "--type", "docker")
        done = service.run("deploy", "greeting", "--pool", "ships", "--image", "mine", EDGESMITH_REMOTE="s3://team")
        assert done.returncode == 0, done.stderr
        assert deployment(service)["job_variables"] == {"env": {"EDGESMITH_REMOTE": "s3://team"}, "image": "mine"}


@pytest.mark.slow
class TestRefusals:
    """What Prefect's API doesn't take is the user's to mend."""

    def test_the_pools_name(self, service):
        done = service.run("deploy", "greeting", "--pool", "prefect-mine")
        assert done.returncode == 1
        assert (
            "doesn't make the work pool 'prefect-mine': Work pools starting with 'Prefect' are reserved" in done.stderr
        )
        assert "hint: its name may not" in done.stderr

    def test_the_jobs_variables(self, service):
        template = {"job_configuration": {"env": "{{ env }}"}, "variables": {"properties": {"env": {"type": "string"}}}}
        service.send("POST", "work_pools/", {"name": "picky", "type": "process", "base_job_template": template})
        done = service.run("deploy", "greeting", "--pool", "picky")
        assert done.returncode == 1, done.stderr
        assert "error: greeting can't be deployed: Prefect's API at http://127.0.0.1:" in done.stderr
        assert "is not valid under any of the given schemas" in done.stderr


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server that wants a user and a password."""
    service = Service(tmp_path_factory.mktemp("guarded"))
    fill(service)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_SERVER_API_AUTH_STRING", "me:secret")
        service.serve()
    yield service
    service.stop()


@pytest.mark.slow
class TestCredentials:
    @pytest.mark.parametrize("command", ["deploy", "serve", "run"])
    @pytest.mark.parametrize("given", ["", "me:wrong"])
    def test_are_asked_for(self, guarded, command, given):
        done = guarded.run(command, "greeting", PREFECT_API_AUTH_STRING=given)
        assert done.returncode == 1, done.stderr
        assert f"http://127.0.0.1:{guarded.port}/api refuses the credentials (401 Unauthorized)" in done.stderr
        assert "hint: set PREFECT_API_AUTH_STRING (USER:PASSWORD" in done.stderr

    def test_are_what_doctor_tells_of(self, guarded):
        done = guarded.run("doctor")
        assert done.returncode == 1
        assert (
            f"broken: API: Prefect's API at http://127.0.0.1:{guarded.port}/api refuses the credentials" in done.stdout
        )

    def test_let_who_has_them_in(self, guarded):
        done = guarded.run("deploy", "greeting", PREFECT_API_AUTH_STRING="me:secret")
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_prefect_deploy_all_deploys_what_ships(service, tmp_path):
    declared = yaml.safe_load((REPOSITORY / "deployments" / "prefect.yaml").read_text())["deployments"]
    assert {one["name"] for one in declared} == set(known_pipelines())
    for name in ("prefect.yaml", "prefect.toml"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    service.prefect("work-pool", "create", "edgesmith", "--type", "process")
    done = subprocess.run(command, cwd=tmp_path, env=service.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    known = service.prefect("deployment", "ls").stdout
    assert all(f"{one['name'][:12]}" in known for one in declared)


def test_without_an_api_nothing_is_deployed(tmp_path):
    done = Place(tmp_path).run("deploy", "smoke", PREFECT_HOME=str(tmp_path), PREFECT_API_URL="")
    assert done.returncode == 1
    assert "there is no Prefect API to deploy to" in done.stderr
    assert "prefect server start" in done.stderr
