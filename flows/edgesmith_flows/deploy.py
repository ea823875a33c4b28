"""Deploy pipelines to a Prefect server, or serve them from one process."""

from __future__ import annotations

import contextlib
import copy
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from prefect import serve as prefect_serve
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.deployments.runner import DeploymentApplyError, EntrypointType, RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.runner.storage import LocalStorage
from prefect.schedules import Cron, Schedule

from edgesmith.errors import UserError, suggestion
from edgesmith_flows.document import parse_document
from edgesmith_flows.nightly.document import is_nightly, parse_nightly
from edgesmith_flows.prefect_api import connected, detail, refused
from edgesmith_flows.prefect_nightly import flow_of
from edgesmith_flows.prefect_profile import enable_names
from edgesmith_flows.settings import REMOTE_VARIABLE, REPORTS_VARIABLE, STORE_VARIABLE, find_pipeline
from edgesmith_flows.transfer import holds_password
from edgesmith_flows.yaml_source import load_yaml

IMAGE_FOLDER = "/opt/project"
"""Where the project is in a container image (deployments/Dockerfile)."""

_NOT_OURS = {"parameters", "concurrency_limit", "concurrency_options"}
"""What a deployment that is there already keeps as its users have set it."""


@dataclass(frozen=True)
class Deployed:
    """What a deployment came out as."""

    name: str
    pool: str
    made_pool: bool


def deploy(
    names: Sequence[str],
    *,
    pool: str,
    cron: str | None = None,
    timezone: str | None = None,
    image: str | None = None,
    warn: Callable[[str], None],
) -> list[Deployed]:
    """Deploy pipelines under their own names; a deployment that is there already is brought up to date.

    Its schedules, and whether it is paused, stay as they are unless `cron` is given.

    Args:
        names: pipelines as `edgesmith run` takes them, by name.
        pool: the work pool; made where there is none, of type process, or docker for an image.
        cron: a schedule for all of them, in `timezone`, in the place of those that they have.
        image: a container image that has edgesmith and the project in it.
        warn: is told what the user should know.

    Raises:
        UserError: there is no Prefect API, or it refuses; a pipeline or the schedule is none; the pool can't be made,
            or is of another type than wanted.
    """
    schedule = _schedule(cron, timezone)
    variables = _variables(image, warn)
    deployments = [_deployment(name, schedule, image, pool, variables) for name in names]
    with _client() as client:
        made = _ensure_pool(client, pool, "docker" if image else "process")
        for name in names:
            _ensure_limits(client, name)
            _ensure_replaceable(client, name, schedule)
        for deployment in deployments:
            if schedule is None:
                deployment.model_fields_set.discard("paused")
            with _applying(deployment.name):
                deployment.apply(image=image) if image else deployment.apply()
    return [Deployed(deployment.name, pool, made) for deployment in deployments]


def serve(
    names: Sequence[str],
    cron: str | None = None,
    timezone: str | None = None,
    *,
    tell: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Serve pipelines from this process until it is stopped: no work pool, no worker.

    Args:
        tell, warn: are told what happens, and what the user should know.

    Raises:
        UserError: as `deploy` does.
    """
    schedule = _schedule(cron, timezone)
    deployments = [_deployment(name, schedule, None, None, None) for name in names]
    with _client() as client:
        for name in names:
            _ensure_limits(client, name)
            _ensure_replaceable(client, name, schedule)
    enable_names(tell, warn)
    command = shlex.join(["prefect", "deployment", "run", names[0]])
    tell(f"serving {', '.join(names)}; run one with `{command}`, stop with Ctrl-C")
    with _applying(", ".join(names)):
        prefect_serve(*deployments, print_starting_message=False)


def _schedule(cron: str | None, timezone: str | None) -> Schedule | None:
    """Check a schedule before anything is asked or made."""
    if cron is None:
        if timezone is not None:
            raise UserError(
                "a time zone belongs to a schedule, and there is none", hint='give `--cron "0 3 * * *"`, too'
            )
        return None
    if timezone is not None and timezone not in (zones := available_timezones()):
        hint = "names are those of the tz database: UTC, Europe/Berlin, America/New_York"
        raise UserError(f"unknown time zone {timezone!r}{suggestion(timezone, zones)}", hint=hint)
    try:
        return Cron(cron, timezone=timezone)
    except ValueError as error:
        hint = 'give minute, hour, day of month, month and day of week: "0 3 * * *" is every day at 3:00'
        raise UserError(f"{cron!r} is no schedule that cron knows", hint=hint) from error


def _variables(image: str | None, warn: Callable[[str], None]) -> dict[str, Any]:
    """Return the job variables: what of this environment flow runs get, and goes before the worker's own."""
    # A path of this machine means nothing in a container, whose image has one of its own.
    names = [*([] if image else [STORE_VARIABLE]), REMOTE_VARIABLE, REPORTS_VARIABLE]
    env = {name: os.environ[name] for name in names if name in os.environ}
    if holds_password(env.get(REMOTE_VARIABLE, "")):
        # Prefect's server shows job variables to everybody who reaches it.
        del env[REMOTE_VARIABLE]
        warn(f"{REMOTE_VARIABLE} holds a password and is not handed on: set it where the workers run")
    return {"env": env} if env else {}


def _deployment(
    name: str, schedule: Schedule | None, image: str | None, pool: str | None, variables: dict[str, Any] | None
) -> RunnerDeployment:
    flow = flow_of(name)
    if flow.name != name:
        raise UserError(
            f"{find_pipeline(name)} is named {flow.name!r}, not {name!r}",
            hint="a deployed pipeline's file is called as its `name`; rename one of them",
        )
    made = RunnerDeployment.from_flow(
        flow,
        name,
        schedule=schedule,
        work_pool_name=pool,
        job_variables=copy.deepcopy(variables),
        entrypoint_type=EntrypointType.MODULE_PATH,
        tags=["edgesmith"],
    )
    # Without this step Prefect would copy the project, store and all, before each run.
    made.storage = LocalStorage(path=IMAGE_FOLDER if image else str(Path.cwd()))
    # An update sends the fields that are set, and Prefect sets all of them.
    made.model_fields_set.difference_update(_NOT_OURS if schedule else {*_NOT_OURS, "schedules"})
    return made


def _client() -> contextlib.AbstractContextManager[SyncPrefectClient]:
    missing = UserError(
        "there is no Prefect API to deploy to",
        hint="run `prefect server start`, then `prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api`",
    )
    return connected(missing, "start it: `prefect server start`")


@contextlib.contextmanager
def _applying(name: str) -> Iterator[None]:
    """Tell what the API refuses while a deployment is sent to it."""
    try:
        yield
    except (DeploymentApplyError, PrefectHTTPStatusError) as error:
        answer = error.__cause__ if isinstance(error, DeploymentApplyError) else error
        told = refused(answer) if isinstance(answer, PrefectHTTPStatusError) else UserError(str(error))
        raise UserError(f"{name} can't be deployed: {told.message}", hint=told.hint) from error


def _ensure_pool(client: SyncPrefectClient, name: str, kind: str) -> bool:
    hint = "its name may not be empty, have one of / % & < > in it, or begin with `prefect`; give another `--pool`"
    try:
        try:
            found = client.read_work_pool(name)
        except ObjectNotFound:
            try:
                client.create_work_pool(WorkPoolCreate(name=name, type=kind))
                return True
            except ObjectAlreadyExists:  # somebody else was quicker
                found = client.read_work_pool(name)
    except PrefectHTTPStatusError as error:
        if error.response.status_code not in (403, 422):  # what a name gets that is reserved, or malformed
            raise
        raise UserError(f"Prefect doesn't make the work pool {name!r}: {detail(error.response)}", hint=hint) from error
    except ValueError as error:
        raise UserError(f"Prefect doesn't make the work pool {name!r}", hint=hint) from error
    if kind == "docker" and found.type == "process":
        raise UserError(f"the work pool {name!r} runs processes, and an image was given", hint="name another `--pool`")
    if kind == "process" and found.type != kind:
        raise UserError(
            f"the work pool {name!r} is of type {found.type}, whose runs don't see this folder",
            hint="give the `--image` that they start from, or name another `--pool`",
        )
    return False


def _ensure_replaceable(client: SyncPrefectClient, name: str, schedule: Schedule | None) -> None:
    """Let a schedule take the place of those that are there.

    Prefect refuses that where all of them have slugs and the new one has none; once it is beside them, it doesn't.
    """
    if schedule is None:
        return
    try:
        found = client.read_deployment_by_name(f"{name}/{name}")
    except ObjectNotFound:
        return
    if found.schedules and all(one.slug for one in found.schedules):
        client.create_deployment_schedules(found.id, [DeploymentScheduleCreate.from_schedule(schedule)])


def _ensure_limits(client: SyncPrefectClient, name: str) -> None:
    """Make each resource that nodes of a pipeline, or a nightly name a concurrency limit of one, where it isn't set."""
    source = load_yaml(find_pipeline(name))
    if is_nightly(source):
        for entry in parse_nightly(source).nightly.pipelines:
            _ensure_limits(client, entry.name)
        return
    document = parse_document(source)
    for resource in sorted({one for node in document.stages.values() for one in node.resources}):
        try:
            client.read_global_concurrency_limit_by_name(resource)
        except (ObjectNotFound, PrefectHTTPStatusError):
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=resource, limit=1))
