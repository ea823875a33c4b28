"""A run to report on: made by the engine, recorded in its store."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest

from edgesmith_flows.report.facts import Facts, find_run, gather
from edgesmith_flows.results import summarise
from edgesmith_flows.run import write_run_record

ROWS = [
    {"top1": 0.95, "median_ms": 8.0, "p90_ms": 9.0, "throughput": 125.0, "load_ms": 4.2, "runtime": "desk"},
    {"top1": 0.95, "median_ms": 1.5, "p90_ms": 2.0, "throughput": 667.0, "load_ms": 1.1, "runtime": "desk"},
    {"top1": 0.94, "median_ms": 0.7, "p90_ms": 0.9, "throughput": 1429.0, "load_ms": 0.9, "runtime": "desk"},
    {"status": "not run: no board is connected"},
]
GATES = ['bench.top1["tiny"] >= 0.9', 'bench.median_ms["tiny"] <= 1']


def pipeline(gates: list[str] = GATES, word: str = "cat", extra: str = "") -> str:
    """A pipeline of four models whose figures are `ROWS`, and of a stage that shows every kind of section."""
    figures = json.dumps({"figures": ROWS})
    shown = json.dumps({"word": word})
    lines = [
        "name: tiny",
        "description: four models side by side",
        "stages:",
        "  big: {uses: build, with: {factor: 123456.5}}",
        "  small: {uses: build, with: {factor: 123.5}}",
        "  tiny: {uses: build, with: {factor: 1.5}}",
        "  odd: {uses: build, with: {factor: 2.5}}",
        f"  bench: {{uses: assay, needs: {{models: [big, small, tiny, odd]}}, with: {figures}}}",
        f"  show: {{uses: exhibit, needs: {{models: [big, tiny]}}, with: {shown}}}",
        extra,
        f"gates: {json.dumps(gates)}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


@pytest.fixture(scope="module")
def recorded(shared_engine) -> Callable[..., Facts]:
    """Run a pipeline (nodes made before are cached), record it, and gather what a report tells of it."""

    seconds = itertools.count()

    def recorded(*arguments, **named) -> Facts:
        run = shared_engine.run(pipeline(*arguments, **named))
        plan = run.executor.plan
        summary = summarise(plan, run.executor.results, shared_engine.store)
        file = write_run_record(shared_engine.store, plan, summary, 1_700_000_000.25 + next(seconds))
        return gather(shared_engine.store, find_run(shared_engine.store, file.stem))

    return recorded


@pytest.fixture(scope="module")
def facts(recorded) -> Facts:
    return recorded()
