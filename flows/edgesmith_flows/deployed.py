"""Flows found by a pipeline's or nightly's name: `edgesmith_flows.deployed.NAME` is what deployments point to.

NAME is looked for as `edgesmith run NAME` does, from the folder in which the work pool starts the flow run.
"""

from __future__ import annotations

from typing import Any

from edgesmith.errors import UserError


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    from edgesmith_flows.prefect_nightly import flow_of

    try:
        return flow_of(name)
    except UserError as error:
        raise AttributeError(str(error)) from error
