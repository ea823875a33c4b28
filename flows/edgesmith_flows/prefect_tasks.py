"""The nodes of a pipeline as Prefect tasks, in threads of this process or in Dask workers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prefect import State, Task, get_run_logger
from prefect.assets import Asset
from prefect.concurrency.sync import concurrency
from prefect.context import TaskRunContext
from prefect.states import Completed, Failed
from prefect.tasks import MaterializingTask

from edgesmith.errors import EdgesmithError
from edgesmith_flows.console import ended_text
from edgesmith_flows.execute import Executor
from edgesmith_flows.outcome import NodeResult
from edgesmith_flows.prefect_assets import MAKER, assets_of, note_asset
from edgesmith_flows.worker.client import StageBug


def submit_here(executor: Executor) -> dict[str, Any]:
    """Submit each node to the flow's task runner; return their futures by name."""
    futures: dict[str, Any] = {}
    assets = assets_of(executor.plan)
    for name, step in executor.plan.steps.items():

        def body(name: str = name) -> Any:
            try:
                with _resources(executor.plan.steps[name].node.resources):
                    result = executor.make(name)
            except EdgesmithError as error:
                return _failed(error)
            get_run_logger().info("%s", ended_text(result))
            if result.action is not None:
                note_asset(result.action)
            return _cached() if result.state == "cached" else Completed(message=_told(result))

        task = _task(executor, name, body, assets)
        futures[name] = task.submit(wait_for=[futures[need] for need in step.node.upstream])
    return futures


def submit_elsewhere(executor: Executor, order: str) -> dict[str, Any]:
    """Submit each node with what the nodes that it needs give, which is all that tasks there share."""
    futures: dict[str, Any] = {}
    assets = assets_of(executor.plan)
    for name, step in executor.plan.steps.items():
        task = _task(executor, name, make_task, assets)
        futures[name] = task.submit(order, name, {need: futures[need] for need in step.node.upstream})
    return futures


def make_task(order: str, name: str, gave: Mapping[str, Any]) -> dict[str, Any] | State[Any]:
    """The body of a task in a Dask worker, found there by its name."""
    from edgesmith_flows.elsewhere import make_elsewhere, received, resources_of

    with _resources(resources_of(order, name)):
        told = make_elsewhere(order, name, gave, get_run_logger())
    note_asset(received(told))
    return _cached(told) if told["state"] == "cached" else told


@contextlib.contextmanager
def _resources(names: Iterable[str]) -> Iterator[None]:
    """Hold a slot of each of Prefect's global concurrency limits of these names; one that isn't set limits nothing."""
    wanted = sorted(names)
    if not wanted:
        yield
        return
    with concurrency(wanted, occupy=1, strict=False):
        yield


def bring_back(executor: Executor, futures: Mapping[str, Any]) -> None:
    """Take down how nodes ended elsewhere, and bring what they gave into the local store."""
    from edgesmith_flows.elsewhere import received

    for name, future in futures.items():
        node = executor.plan.steps[name].node
        if future.state.is_completed():
            told = future.result()
            action = received(told)
            if executor.store.find(action.key) is None and executor.remote is not None:
                executor.remote.pull_action(executor.store, action.key, node.gives)
            executor.end(NodeResult(node, told["state"], action, action.seconds))
        elif future.state.is_failed() and future.state.name != "NotReady":
            error = future.result(raise_on_failure=False)
            told_error = error if isinstance(error, EdgesmithError) else EdgesmithError(f"{error}")
            executor.end(NodeResult(node, "failed", None, 0.0, told_error))


def _task(
    executor: Executor, name: str, body: Callable[..., Any], assets: Mapping[str, Mapping[str, Asset]]
) -> Task[..., Any]:
    node = executor.plan.steps[name].node
    return MaterializingTask(
        body,
        assets=list(assets[name].values()),
        asset_deps=[assets[need.node][need.port] for needs in node.needs.values() for need in needs],
        materialized_by=MAKER,
        name=node.base,
        task_run_name=name,
        description=(node.stage.__doc__ or "").strip().partition("\n")[0] or None,
        retries=node.retries,
        tags=[node.stage.name],
        persist_result=False,
    )


def _cached(data: Any = None) -> State[Any]:
    """End the current task run as cached; its name says so, as a flow run's graph shows names and colours only."""
    context = TaskRunContext.get()
    if context is not None:
        # Told to the server with the state, as when Prefect's engine names a task run.
        context.task_run.name += " (cached)"
    return Completed(name="Cached", message="found in the store", data=data)


def _told(result: NodeResult) -> str:
    """Say for a task's state how long its node took, and whether the next run makes it again."""
    why = result.action.provisional if result.action else ()
    return f"{result.seconds:.1f} s" + (f"; not kept for the next run: {why[0]}" if why else "")


def _failed(error: EdgesmithError) -> State[Any]:
    """End the current task run as failed, with the message alone; Prefect logs a traceback of what is raised."""
    if isinstance(error, StageBug):
        get_run_logger().error("%s", error.trace)
    return Failed(message=str(error))
