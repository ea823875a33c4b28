"""The flow that a worker of a work pool runs: one node, handed over by a run on another machine."""

from __future__ import annotations

import logging
from typing import Any

from prefect import State, flow, get_run_logger
from prefect.states import Completed, Failed

from edgesmith.errors import EdgesmithError, UserError
from edgesmith_flows.errand import do_errand
from edgesmith_flows.errand_document import read_errand
from edgesmith_flows.prefect_following import LOGGER
from edgesmith_flows.prefect_listener import PrefectListener
from edgesmith_flows.prefect_pool import FAILED, FLOW, REFUSED
from edgesmith_flows.settings import load_settings, worker_store


@flow(name=FLOW, persist_result=False, validate_parameters=False)  # type: ignore[untyped-decorator]
def errand(job: dict[str, Any]) -> State[Any]:
    """Make one node here, for a run elsewhere; the message of its state ends with the key of the result.

    Args:
        job: see `edgesmith_flows.errand.Errand`.
    """
    try:
        settings = load_settings(str(worker_store()))
        told = read_errand(job)
        result = do_errand(told, settings.store, settings.remote, _Listener())
    except EdgesmithError as error:
        return Failed(name=REFUSED if isinstance(error, UserError) else FAILED, message=str(error))
    key = result.action.key if result.action else ""
    return Completed(name="Cached" if result.state == "cached" else "Completed", message=f"{told.node}: {key}")


class _Listener(PrefectListener):
    """Says what stages say through a logger of its own, by which who asked tells it from what Prefect says."""

    def logged(self, node: str, level: str, text: str) -> None:
        """See `Listener`."""
        number = logging.getLevelNamesMapping().get(level, logging.INFO)
        get_run_logger().getChild(LOGGER).log(number, "%s", text)
