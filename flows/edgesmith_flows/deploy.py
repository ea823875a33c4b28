"""Deploy pipelines to a Prefect server, or serve them from one process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import serve as prefect_serve
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.deployments.runner import EntrypointType, RunnerDeployment
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.runner.storage import LocalStorage
from prefect.schedules import Cron
from prefect.settings import update_current_profile

from edgesmith.errors import UserError
from edgesmith_flows.document import parse_document
from edgesmith_flows.nightly.document import is_nightly
from edgesmith_flows.prefect_api import connected
from edgesmith_flows.prefect_nightly import flow_of
from edgesmith_flows.settings import REMOTE_VARIABLE, REPORTS_VARIABLE, STORE_VARIABLE, find_pipeline
from edgesmith_flows.yaml_source import load_yaml

PLUGIN = "edgesmith"
IMAGE_FOLDER = "/opt/project"
"""Where the project is in a container image (deployments/Dockerfile)."""


@dataclass(frozen=True)
class Deployed:
    """What a deployment came out as."""

    name: str
    pool: str
    made_pool: bool


def deploy(
    names: Iterable[str],
    *,
    pool: str,
    cron: str | None = None,
    timezone: str | None = None,
    image: str | None = None,
) -> list[Deployed]:
    """Deploy pipelines under their own names; a deployment that is there already is brought up to date.

    Args:
        names: pipelines as `edgesmith run` takes them, by name.
        pool: the work pool; made where there is none, of type process, or docker for an image.
        cron: a schedule for all of them, in `timezone`.
        image: a container image that has edgesmith and the project in it.

    Raises:
        UserError: there is no Prefect API; a pipeline is unknown; the pool is of another type than wanted.
    """
    deployments = [_deployment(name, cron, timezone, image, pool) for name in names]
    with _client() as client:
        made = _ensure_pool(client, pool, "docker" if image else "process")
        for name in names:
            _ensure_limits(client, name)
    for deployment in deployments:
        deployment.apply(image=image) if image else deployment.apply()
    return [Deployed(deployment.name, pool, made) for deployment in deployments]


def serve(names: Sequence[str], cron: str | None = None, timezone: str | None = None) -> None:
    """Serve pipelines from this process until it is stopped: no work pool, no worker."""
    with _client():
        deployments = [_deployment(name, cron, timezone, None, None) for name in names]
    prefect_serve(*deployments, print_starting_message=False)


def enable_names() -> None:
    """Let `prefect deployment run NAME` find names without a slash, in the active profile, by our plug-in alone."""
    update_current_profile({"PREFECT_PLUGINS_ENABLED": "true", "PREFECT_PLUGINS_ALLOW": PLUGIN})


def _deployment(
    name: str, cron: str | None, timezone: str | None, image: str | None, pool: str | None
) -> RunnerDeployment:
    flow = flow_of(name)
    if flow.name != name:
        raise UserError(
            f"{find_pipeline(name)} is named {flow.name!r}, not {name!r}",
            hint="a deployed pipeline's file is called as its `name`; rename one of them",
        )
    env = {key: os.environ[key] for key in (STORE_VARIABLE, REMOTE_VARIABLE, REPORTS_VARIABLE) if key in os.environ}
    variables: dict[str, Any] = {"env": env} if env else {}
    made = RunnerDeployment.from_flow(
        flow,
        name,
        schedule=Cron(cron, timezone=timezone) if cron else None,
        work_pool_name=pool,
        job_variables=variables if pool is not None else None,
        entrypoint_type=EntrypointType.MODULE_PATH,
        tags=["edgesmith"],
    )
    # Without this step Prefect would copy the project, store and all, before each run.
    made.storage = LocalStorage(path=IMAGE_FOLDER if image else str(Path.cwd()))
    return made


def _client() -> contextlib.AbstractContextManager[SyncPrefectClient]:
    missing = UserError(
        "there is no Prefect API to deploy to",
        hint="run `prefect server start`, then `prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api`",
    )
    return connected(missing, "start it: `prefect server start`")


def _ensure_pool(client: SyncPrefectClient, name: str, kind: str) -> bool:
    try:
        found = client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=name, type=kind))
        return True
    if kind == "docker" and found.type == "process":
        raise UserError(f"the work pool {name!r} runs processes, and an image was given", hint="name another `--pool`")
    return False


def _ensure_limits(client: SyncPrefectClient, name: str) -> None:
    """Make each resource that the pipeline's nodes name a concurrency limit of one, where it isn't set."""
    source = load_yaml(find_pipeline(name))
    if is_nightly(source):
        return
    document = parse_document(source)
    for resource in sorted({one for node in document.stages.values() for one in node.resources}):
        try:
            client.read_global_concurrency_limit_by_name(resource)
        except (ObjectNotFound, PrefectHTTPStatusError):
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=resource, limit=1))
