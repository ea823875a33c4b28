"""Run a plan: at once when all is cached, else through Prefect."""

from __future__ import annotations

import contextlib
import gc
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgesmith.errors import Cancelled
from edgesmith_flows.figures.table import note_run
from edgesmith_flows.outcome import Listener, NodeResult
from edgesmith_flows.plan import Plan
from edgesmith_flows.prefect_environment import set_defaults
from edgesmith_flows.results import Summary, summarise
from edgesmith_flows.run_record import run_record
from edgesmith_flows.session import Session
from edgesmith_flows.store import Store

if TYPE_CHECKING:
    from edgesmith_flows.execute import Executor


def run_plan(
    session: Session,
    plan: Plan,
    forced: set[str],
    listener: Listener,
    runner: str | None = None,
    begun: float | None = None,
) -> Summary:
    """Make every node of a plan; return what came of it.

    Args:
        forced: names of nodes to make even if cached.
        runner: where nodes run; what the pipeline says by default.
        begun: when the run began, as a time stamp, if its record will be written.

    Raises:
        Cancelled: the run was interrupted; all workers are stopped, finished nodes are kept.
    """
    if plan.done:
        results = {n: NodeResult(step.node, "cached", step.action) for n, step in plan.steps.items()}
        for result in results.values():
            listener.ended(result)
        return summarise(plan, results, session.store)
    unmade = [step.node for step in plan.steps.values() if step.state != "cached"]
    wanted = [toolchain for node in unmade for toolchain in session.identities.wanted(node)]
    session.identities.toolchains.refuse_offline(wanted)
    set_defaults()
    from edgesmith_flows.prefect_flow import run_flow

    # The console script turned it off; none of what was imported until here is garbage.
    gc.freeze()
    gc.enable()
    with executing(session, plan, forced, listener, runner) as (executor, order):
        summary = run_flow(executor, runner or session.pipeline.runner, order, begun=begun)
    return summary


@contextlib.contextmanager
def executing(
    session: Session, plan: Plan, forced: set[str], listener: Listener, runner: str | None = None
) -> Iterator[tuple[Executor, str | None]]:
    """Yield what makes a plan's nodes, and for other processes what they are told; afterwards all workers are stopped.

    Raises:
        UserError: a node goes to a work pool, and that can't be reached, or there is no remote store.
        Cancelled: the run was interrupted.
    """
    from edgesmith_flows.execute import Executor
    from edgesmith_flows.handover import refuse_unreachable
    from edgesmith_flows.interruption import interruptible
    from edgesmith_flows.worker.client import WorkerPool

    refuse_unreachable((step.node for step in plan.steps.values() if step.state != "cached"), session.remote)
    pool = WorkerPool(session.store.root / "logs")
    executor = Executor(
        plan,
        session.store,
        session.registry,
        session.identities,
        pool,
        listener,
        force=forced,
        remote=session.remote,
    )
    chosen = runner or session.pipeline.runner
    order = None
    if chosen != "threads":
        from edgesmith_flows.elsewhere import order_of

        order = order_of(session, forced, session.store.root if chosen == "dask" else None)
    _build_ahead(executor)
    try:
        with interruptible(executor):
            yield executor, order
    except KeyboardInterrupt:
        pass
    finally:
        interrupted = executor.cancelled.is_set()
        pool.stop()
        session.identities.memo.save()
    if interrupted:
        raise Cancelled("interrupted; finished nodes are kept, the next run goes on from here")


def _build_ahead(executor: Executor) -> None:
    """Build missing toolchains beside the first nodes, so that nobody waits for them later.

    A failure here is not told: the node that needs the toolchain meets it again.
    """
    toolchains = executor.identities.toolchains
    wanted = dict.fromkeys(
        one for step in executor.plan.steps.values() for one in executor.identities.missing(step.node)
    )

    def build() -> None:
        for one in wanted:
            with contextlib.suppress(Exception):
                toolchains.build(one, lambda text: executor.listener.logged("", "INFO", text))

    if wanted:
        threading.Thread(target=build, daemon=True).start()


def run_name(pipeline: str, begun: float) -> str:
    """Return the name of a run's record."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(begun))}.{round(begun % 1 * 1e6):06}-{pipeline}"


def write_run_record(store: Store, plan: Plan, summary: Summary, begun: float) -> Path:
    """Write a run's record (see `run_record`), and return its file."""
    record = run_record(plan, summary, begun, time.time() - begun)
    file = store.root / "runs" / f"{run_name(plan.pipeline.name, begun)}.json"
    store.write(file, json.dumps(record, indent=1).encode() + b"\n")
    note_run(store)
    return file
