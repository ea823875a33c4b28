"""Hand a node to a worker of a Prefect work pool, and wait for it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId, LogFilterLevel
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling

from edgesmith.errors import Cancelled, EdgesmithError, StageFailed, UserError, unknown
from edgesmith_flows.prefect_api import connected
from edgesmith_flows.prefect_following import Absence, Following, Logged, Progressed
from edgesmith_flows.remote_records import DIGEST

FLOW = "edgesmith-errand"
ENTRYPOINT = "edgesmith_flows.prefect_errand.errand"
REFUSED, FAILED = "Refused", "Node failed"
"""How the flow names the states of its failures: for what somebody can mend, and for what went wrong."""

_POLL_SECONDS = 1.0
_API_SECONDS = 60.0
_LATE_SECONDS = 3.0
_LINES = 6


def check_pool(name: str) -> None:
    """Raise UserError unless there is a Prefect API that knows the work pool."""
    with _api() as client:
        _find(client, name)


@dataclass
class PoolRuns:
    """Has nodes made by workers of one work pool.

    Attributes:
        pool: its name.
        patience: seconds that none of its workers may be online.
        cancelled: once it is set, what runs there is cancelled.
    """

    pool: str
    patience: float
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self, title: str, job: Mapping[str, Any], logged: Logged, progressed: Progressed) -> str:
        """Have a node made there; return the key of its result, which is on the remote store then.

        Args:
            title: the flow run's name.
            job: what `edgesmith_flows.errand.read_errand` reads.
            logged: is told level and text of what is said there.
            progressed: is told how much is done, and of how much.

        Raises:
            UserError: there is no API or work pool, no worker came, or the worker refused.
            StageFailed: the node failed there.
            Cancelled: `cancelled` was set.
        """
        with _api() as client:
            _find(client, self.pool)
            flow_run = run_deployment(
                self._deployment(client), parameters={"job": dict(job)}, flow_run_name=title, timeout=0
            )
            logged("INFO", f"handed to the work pool {self.pool!r} as the flow run {flow_run.name!r}")
            following = Following(client, flow_run.id, logged, progressed)
            try:
                ended = self._await(client, flow_run.id, following, Absence(client, self.pool, self.patience, logged))
            except BaseException:
                with contextlib.suppress(Exception):  # the error that led here is the one to tell
                    client.set_flow_run_state(flow_run.id, Cancelling())
                raise
            with contextlib.suppress(httpx.HTTPError):
                following.look()
            return self._key(client, ended)

    def _deployment(self, client: SyncPrefectClient) -> UUID:
        flow: UUID = client.create_flow_from_name(FLOW)
        made: UUID = client.create_deployment(
            flow_id=flow,
            name=self.pool,
            work_pool_name=self.pool,
            entrypoint=ENTRYPOINT,
            # Without a step Prefect would copy the folder that the worker was started in.
            pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": "."}}],
            description="Nodes that pipelines hand to this work pool (edgesmith, docs/targets.md)",
            enforce_parameter_schema=False,
            tags=["edgesmith"],
        )
        return made

    def _await(self, client: SyncPrefectClient, run: UUID, following: Following, absence: Absence) -> FlowRun:
        reached = time.monotonic()
        while True:
            try:
                found = client.read_flow_run(run)
                if found.state is not None and found.state.is_final():
                    return found
                following.look()
                absence.look()
                reached = time.monotonic()
            except ObjectNotFound as error:
                raise StageFailed(f"the flow run in the work pool {self.pool!r} was deleted") from error
            except httpx.HTTPError as error:
                if time.monotonic() - reached > _API_SECONDS:
                    raise StageFailed(f"Prefect's API can't be reached any more: {error}") from error
            if self.cancelled.wait(_POLL_SECONDS):
                raise Cancelled("the run was interrupted")

    def _key(self, client: SyncPrefectClient, run: FlowRun) -> str:
        state = run.state
        if state is None:
            raise StageFailed("Prefect lost the state of the flow run")
        told, _, hint = (state.message or "").partition("\n  hint: ")
        where = f"in the work pool {self.pool!r}"
        if state.is_completed():
            key = told.rpartition(" ")[2]
            if DIGEST.fullmatch(key):
                return key
            raise StageFailed(f"{where}: the flow run {run.name!r} is done, but told no key")
        if state.name in (REFUSED, FAILED):
            kind: type[EdgesmithError] = UserError if state.name == REFUSED else StageFailed
            raise kind(f"{where}: {told}", hint=hint or None)
        if state.is_cancelled():
            raise StageFailed(f"{where}: the flow run {run.name!r} was cancelled")
        raise StageFailed(
            f"{where}: the flow run {run.name!r} ended as {state.name}: {told}{_errors(client, run.id)}",
            hint="edgesmith must be installed where the worker runs, in the version that is installed here",
        )


def _api() -> contextlib.AbstractContextManager[SyncPrefectClient]:
    missing = UserError(
        "a work pool needs a Prefect API that its workers reach, too, and none is configured",
        hint="run `prefect server start` where they reach it, then set PREFECT_API_URL here and there",
    )
    return connected(missing, "start it, or mend the address")


def _find(client: SyncPrefectClient, name: str) -> None:
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        raise UserError(
            unknown("work pool", name, [one.name for one in client.read_work_pools()]),
            hint=f"prefect work-pool create --type process {name!r}, then on the machine that is to measure: "
            f"prefect worker start --pool {name!r}",
        ) from None


def _errors(client: SyncPrefectClient, run: UUID) -> str:
    """Return the last errors of a flow run's log, which come a little after its state."""
    time.sleep(_LATE_SECONDS)
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]), level=LogFilterLevel(ge_=40))
    with contextlib.suppress(httpx.HTTPError):
        lines = [line for log in client.read_logs(wanted) for line in log.message.strip().splitlines()]
        return "".join(f"\n    {line}" for line in lines[-_LINES:])
    return ""
