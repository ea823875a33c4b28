"""A Prefect plug-in that lets `prefect deployment run NAME` find a deployment by its name alone.

Prefect's client wants FLOW/DEPLOYMENT and has no hook for names. Its plug-ins (entry-point group `prefect.plugins`) run
when Prefect is imported; this one widens the client's look-up: a name without a slash that one deployment bears is that
deployment. Everything else goes on as before, and where Prefect has changed inside, so does this.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from prefect.plugins import register_hook

_CLIENTS = "prefect.client.orchestration._deployments.client"


@register_hook  # type: ignore[untyped-decorator]
def setup_environment(*, ctx: Any) -> None:
    """Widen the look-up, once, if Prefect's client is as it is known to be."""
    try:
        module = importlib.import_module(_CLIENTS)
        sync, awaited = module.DeploymentClient, module.DeploymentAsyncClient
        looks = sync.read_deployment_by_name, awaited.read_deployment_by_name
    except (ImportError, AttributeError):
        ctx.logger_factory("edgesmith").debug("Prefect's client has changed; deployments need FLOW/DEPLOYMENT names")
        return
    if not hasattr(looks[0], "edgesmith"):
        sync.read_deployment_by_name = _sync(looks[0])
        awaited.read_deployment_by_name = _awaited(looks[1])


def _sync(look: Any) -> Any:
    @functools.wraps(look)
    def read_deployment_by_name(self: Any, name: str) -> Any:
        if "/" not in name:
            found = self.read_deployments(deployment_filter=_filter(name))
            flows = {one.flow_id: self.read_flow(one.flow_id).name for one in found}
            name = _chosen(name, found, flows) or _none(name, self.read_deployments())
        return look(self, name)

    read_deployment_by_name.edgesmith = True  # type: ignore[attr-defined]
    return read_deployment_by_name


def _awaited(look: Any) -> Any:
    @functools.wraps(look)
    async def read_deployment_by_name(self: Any, name: str) -> Any:
        if "/" not in name:
            found = await self.read_deployments(deployment_filter=_filter(name))
            flows = {one.flow_id: (await self.read_flow(one.flow_id)).name for one in found}
            name = _chosen(name, found, flows) or _none(name, await self.read_deployments())
        return await look(self, name)

    return read_deployment_by_name


def _filter(name: str) -> Any:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    return DeploymentFilter(name=DeploymentFilterName(any_=[name]))


def _chosen(name: str, found: Sequence[Any], flows: dict[Any, str]) -> str | None:
    """Return the full name of the one deployment called `name`; where the flow has that name too, it goes first."""
    full = [f"{flows[one.flow_id]}/{one.name}" for one in found]
    if f"{name}/{name}" in full:
        return f"{name}/{name}"
    if len(full) > 1:
        _refuse(f"Several deployments are called {name!r}: {', '.join(sorted(full))}. Give one of these names.")
    return full[0] if full else None


def _none(name: str, known: Sequence[Any]) -> NoReturn:
    from edgesmith.errors import unknown

    if not known:
        _refuse(f"There is no deployment {name!r}, nor any other. `edgesmith deploy {name}` makes it.")
    told = unknown("deployment", name, [one.name for one in known])
    _refuse(f"{told[0].upper()}{told[1:]}. `edgesmith deploy {name}` makes it.")


def _refuse(message: str) -> NoReturn:
    """End the `prefect` command with one message; in a program, raise."""
    if Path(sys.argv[0]).name in ("prefect", "__main__.py") and "prefect.cli" in sys.modules:
        print(message, file=sys.stderr)
        raise SystemExit(1)
    raise ValueError(message)
