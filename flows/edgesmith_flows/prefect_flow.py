"""The one Prefect module: a pipeline as a flow, one task a node.

Prefect is the only executor: it orders the tasks, runs them in threads, retries them, and keeps the record that its UI
shows. What a task does (keys, store, workers) is `edgesmith_flows.execute`'s.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
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

from edgesmith_flows.execute import Executor  # noqa: E402
from edgesmith_flows.interruption import interruptible  # noqa: E402
from edgesmith_flows.outcome import NodeResult  # noqa: E402
from edgesmith_flows.prefect_server import run_server  # noqa: E402
from edgesmith_flows.results import Summary, summarise  # noqa: E402

_THREADS = 8
_DRAIN_SECONDS = 5.0


def run_flow(executor: Executor) -> Summary:
    """Run a plan as a Prefect flow run named after the pipeline; return what came of it.

    Failed nodes don't raise: they, and the nodes skipped for them, are in the summary. The flow run fails with them.
    """
    pipeline = executor.plan.pipeline
    summary: list[Summary] = []

    def body() -> State[Any] | None:
        futures: dict[str, Any] = {}
        for name, step in executor.plan.steps.items():
            task = _task(executor, name)
            futures[name] = task.submit(wait_for=[futures[need] for need in step.node.upstream])
        with interruptible(executor):
            wait(list(futures.values()))
        for name in executor.plan.steps:
            if name not in executor.results:
                executor.skip(name)
        summary.append(summarise(executor.plan, executor.results, executor.store))
        _publish(pipeline.name, summary[0])
        failed = summary[0].failures()
        if failed:
            return Failed(message="; ".join(failed))
        return Completed(message=f"{len(executor.results)} nodes")

    flow: Flow[..., Any] = Flow(
        body,
        name=pipeline.name,
        description=pipeline.description or None,
        task_runner=ThreadPoolTaskRunner(max_workers=_THREADS),
        validate_parameters=False,
    )
    with _api(executor):
        flow(return_state=True)
    return summary[0] if summary else summarise(executor.plan, executor.results, executor.store)


@contextlib.contextmanager
def _api(executor: Executor) -> Iterator[None]:
    """Use the API that Prefect's settings name, else a server of our own for this run."""
    if PREFECT_API_URL.value():
        yield
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


def _task(executor: Executor, name: str) -> Task[..., Any]:
    node = executor.plan.steps[name].node

    def body() -> Any:
        log = get_run_logger()
        result: NodeResult = executor.make(name)
        figures = result.action.figures if result.action else {}
        log.info("%s: %s in %.1f s %s", name, result.state, result.seconds, _short(figures))
        if result.state == "cached":
            return Completed(name="Cached", message="found in the store")
        return Completed(message=f"{result.seconds:.1f} s")

    return Task(
        body,
        name=node.base,
        task_run_name=name,
        description=(node.stage.__doc__ or "").strip().partition("\n")[0] or None,
        retries=node.retries,
        tags=[node.stage.name],
        persist_result=False,
    )


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
