"""Runs of a tiny pipeline, recorded as `edgesmith run` records them."""

import time

import pytest

from edgesmith_flows.history import read_run
from edgesmith_flows.results import summarise
from edgesmith_flows.run import write_run_record

TINY = """
name: tiny
stages:
  a: {{uses: write, with: {{text: "{text}"}}}}
  b: {{uses: shout, needs: a, with: {{marks: {marks}}}}}
  c: {{uses: gather, needs: {{texts: [a, b]}}}}
"""


@pytest.fixture
def record(engine):
    """Make the nodes of a tiny pipeline, and write the run's record; give the run."""
    clock = [time.time()]

    def record(text="hello", marks=1):
        made = engine.run(TINY.format(text=text, marks=marks))
        clock[0] += 10
        plan, results = made.executor.plan, made.executor.results
        return read_run(write_run_record(engine.store, plan, summarise(plan, results, engine.store), clock[0]))

    return record
