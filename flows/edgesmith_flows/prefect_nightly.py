"""A nightly as a Prefect flow: each pipeline is a flow run within it, and a regression fails it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import Flow, State, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.states import Completed, Failed

from edgesmith.errors import StageFailed
from edgesmith_flows.nightly.document import Entry, is_nightly, load_nightly
from edgesmith_flows.nightly.night import Night, hold_night
from edgesmith_flows.nightly.told import markdown, verdict_of
from edgesmith_flows.prefect_flow import pipeline_flow, told_as_state
from edgesmith_flows.prefect_publish import artifact_key
from edgesmith_flows.settings import find_pipeline, load_settings
from edgesmith_flows.yaml_source import load_yaml

REGRESSION = "Regression"
"""Name of the state, of type Failed, in which the flow run ends if anything got worse: automations may look for it."""


def flow_of(name: str) -> Flow[..., Any]:
    """Return the flow of a pipeline or of a nightly, whichever has this name."""
    return nightly_flow(name) if is_nightly(load_yaml(find_pipeline(name))) else pipeline_flow(name)


def nightly_flow(name: str) -> Flow[..., Any]:
    """Return the flow of a nightly for deployments.

    Args:
        name: as for `edgesmith nightly`; flow, deployment and nightly have one name.

    Raises:
        UserError: there is no such nightly, or its file is none.
    """
    document = load_nightly(name)

    def body() -> State[Any]:
        logger = get_run_logger()

        def run_one(entry: Entry, wrote: Callable[[str], None]) -> None:
            state = pipeline_flow(entry.name, wrote)(params=entry.set or None, return_state=True)
            if not state.is_completed():
                # Its record tells more, where it got as far as that.
                raise StageFailed(state.message or state.name)

        def work() -> State[Any]:
            night = hold_night(document, load_settings(), run_one, lambda text: logger.info("%s", text))
            _publish(night)
            return state_of(night)

        return told_as_state(work)

    body.__name__ = body.__qualname__ = document.name
    body.__module__ = "edgesmith_flows.deployed"
    body.__doc__ = document.description or document.name
    return Flow(body, name=document.name, description=document.description or None, persist_result=False)


def state_of(night: Night) -> State[Any]:
    """Return the state that a night's flow run ends in."""
    if night.ok:
        return Completed(message=verdict_of(night))
    return Failed(name=REGRESSION, message=verdict_of(night))


def _publish(night: Night) -> None:
    key = artifact_key(night.nightly)
    create_markdown_artifact(markdown(night), key=f"{key}-verdicts", description=verdict_of(night))
