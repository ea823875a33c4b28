"""A pipeline as a Prefect flow.

Prefect is the only executor: it orders the tasks, runs them in threads or elsewhere, retries them, and keeps the record
that its UI shows. What a task does (keys, store, workers) is `edgesmith_flows.execute`'s.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx
from prefect import Flow, State
from prefect.events.worker import EventsWorker
from prefect.futures import wait
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from edgesmith.errors import Cancelled, EdgesmithError, UserError
from edgesmith_flows.document import parse_document
from edgesmith_flows.execute import Executor
from edgesmith_flows.interruption import interruptible
from edgesmith_flows.prefect_api import refused
from edgesmith_flows.prefect_listener import PrefectListener
from edgesmith_flows.prefect_publish import publish, publish_report
from edgesmith_flows.prefect_server import run_server
from edgesmith_flows.prefect_tasks import bring_back, submit_elsewhere, submit_here
from edgesmith_flows.results import Summary, summarise
from edgesmith_flows.run import executing, write_run_record
from edgesmith_flows.session import fetch, open_session, plan_session
from edgesmith_flows.settings import find_pipeline, load_settings
from edgesmith_flows.yaml_source import load_yaml

_THREADS = 8
_DRAIN_SECONDS = 5.0


def run_flow(
    executor: Executor,
    runner: str = "threads",
    order: str | None = None,
    title: str | None = None,
    begun: float | None = None,
) -> Summary:
    """Run a plan as a Prefect flow run named after the pipeline; return what came of it.

    Args:
        runner: where nodes run, `threads` of this process or Dask workers.
        order: for Dask workers, what they are told (see `edgesmith_flows.elsewhere`).
        title: the flow run's name; one that Prefect makes up by default.
        begun: when the run began, as a time stamp, if its record will be written.

    Failed nodes don't raise: they, and the nodes skipped for them, are in the summary. The flow run fails with them.
    """
    # A server of the run's own is looked at by nobody.
    run = _Run(executor, order, begun if PREFECT_API_URL.value() else None)
    pipeline = executor.plan.pipeline
    flow: Flow[..., Any] = Flow(
        _run_current,
        name=pipeline.name,
        flow_run_name=title,
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


def pipeline_flow(name: str, wrote: Callable[[str], None] = lambda _: None) -> Flow[..., Any]:
    """Return the flow of a pipeline for deployments: called in a flow run, it checks the file, plans, and runs.

    Args:
        name: as for `edgesmith run`; flow, deployment and pipeline have one name.
        wrote: told the name of the run's record, once that is written.

    Raises:
        UserError: there is no such pipeline, or its file is no pipeline.
    """
    document = parse_document(load_yaml(find_pipeline(name)))

    def body(
        params: dict[str, Any] | None = None, only: list[str] | None = None, force: list[str] | None = None
    ) -> State[Any]:
        return told_as_state(lambda: _run_deployed(name, params or {}, only or (), force or (), wrote))

    body.__name__ = body.__qualname__ = name
    body.__module__ = "edgesmith_flows.deployed"
    body.__doc__ = f"""{document.description or name}

    Args:
        params: params of the pipeline (`image_size`) or of one node (`teacher.epochs`), as `--set` takes them.
        only: make these nodes, with what they need, and no other.
        force: make these nodes even if they are cached.
    """
    return Flow(
        body,
        name=document.name,
        description=document.description or None,
        task_runner=_task_runner(document.runner),
        persist_result=False,
    )


def _run_deployed(
    name: str, params: Mapping[str, Any], only: Iterable[str], force: Iterable[str], wrote: Callable[[str], None]
) -> State[Any]:
    begun = time.time()
    session = open_session(name, load_settings(), params)
    with session.store.lease():
        plan, forced = plan_session(session, only, force)
        plan = fetch(session, plan)
        with executing(session, plan, forced, PrefectListener()) as (executor, order):
            run = _Run(executor, order, begun)
            state = run_nodes(run)
        if run.summary is not None:
            wrote(write_run_record(session.store, plan, run.summary, begun).stem)
    return state


def told_as_state(work: Callable[[], State[Any]]) -> State[Any]:
    """Do a flow run's work; a handled error is the message of its state, where Prefect would log a traceback."""
    try:
        return work()
    except Cancelled:
        raise
    except EdgesmithError as error:
        return Failed(message=str(error))


@dataclass
class _Run:
    """What the flow's body works on, which no Dask worker is to see: Prefect sends them the flow, pickled.

    Attributes:
        begun: when the run began, as a time stamp, if it is to have a report.
    """

    executor: Executor
    order: str | None
    begun: float | None = None
    summary: Summary | None = None


_CURRENT: ContextVar[_Run] = ContextVar("edgesmith_run")


def _run_current() -> State[Any]:
    return run_nodes(_CURRENT.get())


def run_nodes(run: _Run) -> State[Any]:
    """Make all nodes within a flow run: one task a node, then the tables and the way to the report."""
    executor = run.executor
    futures = submit_here(executor) if run.order is None else submit_elsewhere(executor, run.order)
    with interruptible(executor):
        wait(list(futures.values()))
    if run.order is not None:
        bring_back(executor, futures)
    for name in executor.plan.steps:
        if name not in executor.results:
            executor.skip(name)
    run.summary = summarise(executor.plan, executor.results, executor.store)
    publish(executor.plan, run.summary)
    if run.begun is not None:
        publish_report(executor.plan, run.summary, executor.store, run.begun)
    failed = run.summary.failures()
    if failed:
        return Failed(message="; ".join(failed))
    return Completed(message=f"{len(executor.results)} nodes")


@contextlib.contextmanager
def _api(executor: Executor) -> Iterator[None]:
    """Use the API that Prefect's settings name, else a server of our own for this run."""
    url = PREFECT_API_URL.value()
    if url:
        executor.listener = PrefectListener(executor.listener)
        try:
            yield
        except httpx.HTTPStatusError as error:
            raise refused(error) from error
        except RuntimeError as error:
            if not str(error).startswith("Failed to reach API"):
                raise
            if isinstance(error.__cause__, httpx.HTTPStatusError):
                raise refused(error.__cause__) from error
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
