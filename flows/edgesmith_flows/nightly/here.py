"""A nightly's pipeline, run from this process."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesmith_flows.nightly.document import Entry
from edgesmith_flows.outcome import Listener
from edgesmith_flows.run import run_plan, write_run_record
from edgesmith_flows.session import fetch, open_session, plan_session
from edgesmith_flows.settings import Settings


def run_here(entry: Entry, settings: Settings, listener: Listener, wrote: Callable[[str], None]) -> None:
    """Run a pipeline as `edgesmith run` does; nodes that fail are in the record, whose name `wrote` is told."""
    begun = time.time()
    session = open_session(entry.name, settings, entry.set)
    with session.store.lease():
        plan, forced = plan_session(session)
        plan = fetch(session, plan)
        summary = run_plan(session, plan, forced, listener, begun=begun)
        wrote(write_run_record(session.store, plan, summary, begun).stem)
