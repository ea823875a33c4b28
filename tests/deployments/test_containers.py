"""The files in deployments/ for containers, each looked at by the tool that its format has."""

from __future__ import annotations

import asyncio
import fnmatch
import json
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = ROOT / "deployments"


def checked(tool: str, *arguments: str) -> None:
    """Run a tool of the development environment; it must be content."""
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def job(worker: type, pool: str, **values: Any) -> Any:
    """What Prefect's own worker makes of a pool's template; it asks no server, as nothing here is a block."""
    from prefect.client.orchestration import PrefectClient

    template = json.loads((DEPLOYMENTS / f"{pool}-pool.json").read_text())
    nowhere = PrefectClient("http://127.0.0.1:9/api")
    return asyncio.run(worker.from_template_and_values(template, values, client=nowhere))  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_image_passes_hadolint() -> None:
    checked("hadolint", "deployments/Dockerfile")


@pytest.mark.slow
def test_the_compose_file_fits_the_compose_specification() -> None:
    checked("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "deployments/compose.yaml")


@pytest.mark.slow
def test_the_manifests_fit_kubernetes_own_schema() -> None:
    checked("kubernetes-validate", "deployments/kubernetes.yaml")


def test_the_image_gets_all_that_the_wheel_is_built_from() -> None:
    """The build sees only what the ignore file lets through."""
    kept = [line[1:] for line in (DEPLOYMENTS / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"]
    project = (ROOT / "pyproject.toml").read_text()
    needed = [*re.findall(r'"((?:flows|plugins|stages)/[\w/]+)"', project), "README.md", "LICENSE", "pipelines"]
    for path in needed:
        assert any(path == one or path.startswith(f"{one}/") for one in kept), path
    assert all((ROOT / one).exists() for one in kept)
    assert not any(fnmatch.fnmatch(".venv", one) or fnmatch.fnmatch(".edgesmith", one) for one in kept)


def test_every_password_is_asked_for() -> None:
    """None is written down, and the example names each one."""
    text = (DEPLOYMENTS / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text))
    assert asked == set(re.findall(r"\$\{(\w+):\?", text))
    assert asked == set(re.findall(r"^(\w+)=$", (DEPLOYMENTS / "compose.env.example").read_text(), re.MULTILINE))


def test_the_server_can_copy_its_ui_and_tells_browsers_where_the_api_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default Prefect copies it into its own folder, which the image's user can't write; there is no UI then."""
    from prefect.settings import Settings

    server = yaml.safe_load((DEPLOYMENTS / "compose.yaml").read_text())["services"]["server"]
    for name, value in server["environment"].items():
        monkeypatch.setenv(name, value)
    ui = Settings().server.ui
    assert ui.static_directory is not None
    (user,) = re.findall(
        r"useradd --create-home .* (\w+) *\\?$", (DEPLOYMENTS / "Dockerfile").read_text(), re.MULTILINE
    )
    assert Path(ui.static_directory).parent == Path("/home", user)
    (published,) = server["ports"]
    assert ui.api_url == f"http://{published.rpartition(':')[0]}/api"


def test_what_compose_waits_for_is_there() -> None:
    """A service that others wait for until it is healthy has a health check."""
    services = yaml.safe_load((DEPLOYMENTS / "compose.yaml").read_text())["services"]
    for service in services.values():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[other], other


@pytest.mark.slow
def test_a_docker_pools_runs_get_the_image_and_the_volumes() -> None:
    from prefect_docker.worker import DockerWorkerJobConfiguration

    plain = job(DockerWorkerJobConfiguration, "docker")
    assert plain.image == "edgesmith"
    assert plain.volumes == ["edgesmith-cache:/cache", "edgesmith-store:/store"]
    assert job(DockerWorkerJobConfiguration, "docker", image="mine:2").image == "mine:2"


@pytest.mark.slow
def test_the_kubernetes_worker_watches_its_own_namespace_as_its_role_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Role holds in one namespace; without the setting Prefect's worker watches the whole cluster."""
    from prefect_kubernetes.settings import KubernetesSettings

    manifests = list(yaml.safe_load_all((DEPLOYMENTS / "kubernetes.yaml").read_text()))
    assert "Role" in {one["kind"] for one in manifests}
    (worker,) = [one for one in manifests if one["kind"] == "Deployment"]
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    own = [one["name"] for one in container["env"] if one["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.namespace"]
    for name in own:
        monkeypatch.setenv(name, "machines")
    assert KubernetesSettings().observer.namespaces == {"machines"}


@pytest.mark.slow
def test_a_kubernetes_pools_runs_are_jobs_that_kubernetes_takes() -> None:
    """Against Kubernetes' own schema."""
    import kubernetes_validate
    from prefect.client.schemas.objects import FlowRun
    from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

    made = job(KubernetesWorkerJobConfiguration, "kubernetes", image="mine:2")
    made.prepare_for_flow_run(FlowRun(name="odd-otter", flow_id=uuid.UUID(int=0)))
    manifest = made.job_manifest
    kubernetes_validate.validate(manifest, "1.30", strict=True)
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "mine:2"
    assert container["envFrom"] == [{"secretRef": {"name": "edgesmith"}}]
    claims = {one["metadata"]["name"] for one in yaml.safe_load_all((DEPLOYMENTS / "kubernetes.yaml").read_text())}
    assert {one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"] if "emptyDir" not in one} <= claims
