"""The one Prefect module: a pipeline as a flow, one task a node.

Prefect is the only executor: it orders the tasks, runs them in threads, retries them, and keeps the record that its UI
shows. What a task does (keys, store, workers) is `edgesmith_flows.execute`'s.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The terminal is edgesmith's; Prefect's own lines go to its API.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)

from prefect import Flow, State, Task, get_run_logger  # noqa: E402 - the settings above are read at import
from prefect.artifacts import create_markdown_artifact, create_table_artifact  # noqa: E402
from prefect.events.worker import EventsWorker  # noqa: E402
from prefect.futures import wait  # noqa: E402
from prefect.logging.handlers import APILogWorker  # noqa: E402
from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: E402
from prefect.states import Completed, Failed  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402

from edgesmith.errors import EdgesmithError, UserError  # noqa: E402
from edgesmith_flows.execute import Executor  # noqa: E402
from edgesmith_flows.interruption import interruptible  # noqa: E402
from edgesmith_flows.outcome import NodeResult  # noqa: E402
from edgesmith_flows.prefect_server import run_server  # noqa: E402
from edgesmith_flows.results import Summary, summarise  # noqa: E402

_THREADS = 8
_DRAIN_SECONDS = 5.0


def run_flow(executor: Executor, runner: str = "threads", order: str | None = None) -> Summary:
    """Run a plan as a Prefect flow run named after the pipeline; return what came of it.

    Args:
        runner: where nodes run, `threads` of this process or Dask workers.
        order: for Dask workers, what they are told (see `edgesmith_flows.elsewhere`).

    Failed nodes don't raise: they, and the nodes skipped for them, are in the summary. The flow run fails with them.
    """
    run = _Run(executor, order)
    pipeline = executor.plan.pipeline
    flow: Flow[..., Any] = Flow(
        run_nodes,
        name=pipeline.name,
        description=pipeline.description or None,
        task_runner=_task_runner(runner),
        validate_parameters=False,
    )
    token = _CURRENT.set(run)
    try:
        with _api(executor):
            state = flow(return_state=True)
    finally:
        _CURRENT.reset(token)
    if run.summary is None and not executor.cancelled.is_set():
        state.result()  # raises what went wrong before the nodes, or after them
    return run.summary or summarise(executor.plan, executor.results, executor.store)


@dataclass
class _Run:
    """What the flow's body works on, which no Dask worker is to see: Prefect sends them the flow, pickled."""

    executor: Executor
    order: str | None
    summary: Summary | None = None


_CURRENT: ContextVar[_Run] = ContextVar("edgesmith_run")


def run_nodes() -> State[Any]:
    """The body of every pipeline's flow: one task a node, then the tables."""
    run = _CURRENT.get()
    executor = run.executor
    futures = _submit_here(executor) if run.order is None else _submit_elsewhere(executor, run.order)
    with interruptible(executor):
        wait(list(futures.values()))
    if run.order is not None:
        _bring_back(executor, futures)
    for name in executor.plan.steps:
        if name not in executor.results:
            executor.skip(name)
    run.summary = summarise(executor.plan, executor.results, executor.store)
    _publish(executor.plan.pipeline.name, run.summary)
    failed = run.summary.failures()
    if failed:
        return Failed(message="; ".join(failed))
    return Completed(message=f"{len(executor.results)} nodes")


@contextlib.contextmanager
def _api(executor: Executor) -> Iterator[None]:
    """Use the API that Prefect's settings name, else a server of our own for this run."""
    url = PREFECT_API_URL.value()
    if url:
        try:
            yield
        except RuntimeError as error:
            if not str(error).startswith("Failed to reach API"):
                raise
            hint = "start the server, or unset PREFECT_API_URL to have one started for each run"
            raise UserError(f"Prefect's API at {url} can't be reached", hint=hint) from error
        return
    with run_server(executor.store.root / "logs" / "prefect-server.log") as url:
        executor.listener.logged("", "INFO", f"Prefect's API for this run is {url}")
        with temporary_settings({PREFECT_API_URL: url}):
            try:
                yield
            finally:
                # What is still queued would otherwise be sent at exit, to a server that is no more, for minutes.
                seconds = 1.0 if executor.cancelled.is_set() else _DRAIN_SECONDS
                EventsWorker.drain_all(timeout=seconds)
                APILogWorker.drain_all(timeout=seconds)


def _task_runner(runner: str) -> Any:
    if runner == "threads":
        return ThreadPoolTaskRunner(max_workers=_THREADS)
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise UserError("the Dask runner is not installed", hint="install edgesmith[dask]") from error
    address = runner.partition(":")[2]
    if address:
        return DaskTaskRunner(address=address)
    return DaskTaskRunner(cluster_kwargs={"threads_per_worker": 1, "dashboard_address": None})


def _submit_here(executor: Executor) -> dict[str, Any]:
    futures: dict[str, Any] = {}
    for name, step in executor.plan.steps.items():

        def body(name: str = name) -> Any:
            result = executor.make(name)
            _log(result)
            return _state(result)

        task = _task(executor, name, body)
        futures[name] = task.submit(wait_for=[futures[need] for need in step.node.upstream])
    return futures


def _submit_elsewhere(executor: Executor, order: str) -> dict[str, Any]:
    """Submit each node with what the nodes that it needs give, which is all that tasks there share."""
    futures: dict[str, Any] = {}
    for name, step in executor.plan.steps.items():
        task = _task(executor, name, make_task)
        futures[name] = task.submit(order, name, {need: futures[need] for need in step.node.upstream})
    return futures


def make_task(order: str, name: str, gave: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a task in a Dask worker, found there by its name."""
    from edgesmith_flows.elsewhere import make_elsewhere

    return make_elsewhere(order, name, gave, get_run_logger())


def _bring_back(executor: Executor, futures: Mapping[str, Any]) -> None:
    """Take down how nodes ended elsewhere, and bring what they gave into the local store."""
    from edgesmith_flows.elsewhere import received

    for name, future in futures.items():
        node = executor.plan.steps[name].node
        if future.state.is_completed():
            told = future.result()
            action = received(told)
            if executor.store.find(action.key) is None and executor.remote is not None:
                executor.remote.pull_action(executor.store, action.key)
            executor.end(NodeResult(node, told["state"], action, action.seconds))
        elif future.state.is_failed() and future.state.name != "NotReady":
            error = future.result(raise_on_failure=False)
            told_error = error if isinstance(error, EdgesmithError) else EdgesmithError(f"{error}")
            executor.end(NodeResult(node, "failed", None, 0.0, told_error))


def _task(executor: Executor, name: str, body: Callable[..., Any]) -> Task[..., Any]:
    node = executor.plan.steps[name].node
    return Task(
        body,
        name=node.base,
        task_run_name=name,
        description=(node.stage.__doc__ or "").strip().partition("\n")[0] or None,
        retries=node.retries,
        tags=[node.stage.name],
        persist_result=False,
    )


def _log(result: NodeResult) -> None:
    figures = result.action.figures if result.action else {}
    get_run_logger().info("%s: %s in %.1f s %s", result.node.name, result.state, result.seconds, _short(figures))


def _state(result: NodeResult) -> State[Any]:
    if result.state == "cached":
        return Completed(name="Cached", message="found in the store")
    return Completed(message=f"{result.seconds:.1f} s")


def _short(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in figures.items() if isinstance(value, (int, float)))


def _publish(name: str, summary: Summary) -> None:
    """Put the results table and the gates into Prefect's UI."""
    key = "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-")
    rows = [dict(zip(summary.columns, row, strict=True)) for row in summary.cells()]
    if rows:
        create_table_artifact(rows, key=f"{key}-results", description=f"Results of {name}")
    if summary.gates:
        lines = ["| gate | held | figures |", "| --- | --- | --- |"]
        lines += [f"| `{g.expression}` | {'yes' if g.held else '**no**'} | {g.detail} |" for g in summary.gates]
        create_markdown_artifact("\n".join(lines), key=f"{key}-gates", description=f"Gates of {name}")
