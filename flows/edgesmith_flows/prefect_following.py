"""A flow run elsewhere, watched: what it logs, how far it is, and whether a worker is there at all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    LogFilter,
    LogFilterFlowRunId,
    WorkerFilter,
    WorkerFilterStatus,
)

from edgesmith.errors import UserError

TELL_SECONDS = 15.0
"""How long no worker may be online before that is told."""
_LOOK_SECONDS = 5.0
_PAGE = 200
_OVERLAP = 50
"""Lines that are read again each time: several processes send them, and some come late."""
LOGGER = "edgesmith"
"""What the flow's own logger is called below Prefect's."""

Logged = Callable[[str, str], None]
Progressed = Callable[[float, float], None]


class Following:
    """Passes on what a flow run says; what Prefect says of it is left out.

    Args:
        logged: is told level and text.
        progressed: is told how much is done, and of how much.
    """

    def __init__(self, client: SyncPrefectClient, run: UUID, logged: Logged, progressed: Progressed) -> None:
        self._client = client
        self._run = run
        self._logged = logged
        self._progressed = progressed
        self._seen: set[UUID] = set()
        self._percent = -1.0

    def look(self) -> None:
        """Pass on what is new."""
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self._run]))
        place = max(0, len(self._seen) - _OVERLAP)
        while lines := self._client.read_logs(wanted, limit=_PAGE, offset=place):
            place += len(lines)
            for line in lines:
                new = line.id not in self._seen
                self._seen.add(line.id)
                if new and line.name.rpartition(".")[2] == LOGGER:
                    self._logged(logging.getLevelName(line.level), line.message)
        shown = self._client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=[self._run]), type=ArtifactFilterType(any_=["progress"])
            )
        )
        percent = max((float(one.data) for one in shown if isinstance(one.data, (int, float))), default=-1.0)
        if percent > self._percent:
            self._percent = percent
            self._progressed(percent, 100.0)


class Absence:
    """Watches that a worker of a work pool is online.

    Args:
        patience: seconds that none may be.
        logged: is told level and text.
    """

    def __init__(self, client: SyncPrefectClient, pool: str, patience: float, logged: Logged) -> None:
        self._client = client
        self._pool = pool
        self._patience = patience
        self._logged = logged
        self._since: float | None = None
        self._looked = 0.0
        self._told = False

    def look(self) -> None:
        """Ask now and then; tell after a while.

        Raises:
            UserError: no worker was online for longer than the patience.
        """
        now = time.monotonic()
        if now - self._looked < min(_LOOK_SECONDS, self._patience / 4):
            return
        self._looked = now
        online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
        if self._client.read_workers_for_work_pool(self._pool, online):
            self._since = None
            return
        self._since = now if self._since is None else self._since
        waited = now - self._since
        if waited > self._patience:
            raise UserError(f"{self._problem()}, for {waited:.0f} s", hint=self._remedy())
        if waited > min(TELL_SECONDS, self._patience / 2) and not self._told:
            self._told = True
            left = self._patience - waited
            self._logged("WARNING", f"{self._problem()}; waiting {left:.0f} s more. {self._remedy()}")

    def _problem(self) -> str:
        return f"no worker is online in the work pool {self._pool!r}"

    def _remedy(self) -> str:
        start = f"On the machine that is to measure: prefect worker start --pool {self._pool!r}"
        if self._client.read_work_pool(self._pool).is_paused:
            return f"{start}. The pool is paused, too: prefect work-pool resume {self._pool!r}"
        return start
