"""What a run leaves in Prefect's UI: its results, gates and lineage, and the way to its report."""

from __future__ import annotations

import os
import re
import shlex
import time
from pathlib import Path

from prefect import get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from edgesmith_flows.plan import Plan
from edgesmith_flows.results import Summary
from edgesmith_flows.run import run_name
from edgesmith_flows.run_record import run_record
from edgesmith_flows.settings import REPORTS_VARIABLE
from edgesmith_flows.store import Store

_DIGEST = 12


def publish(plan: Plan, summary: Summary) -> None:
    """Show the results table, the gates and the lineage as artifacts of the flow run."""
    name, key = plan.pipeline.name, artifact_key(plan.pipeline.name)
    # A lone dash is a bullet there: cells are Markdown.
    rows = [
        dict(zip(summary.columns, ("" if cell == "-" else cell for cell in row), strict=True))
        for row in summary.cells()
    ]
    if rows:
        create_table_artifact(rows, key=f"{key}-results", description=f"Results of {name}")
    if summary.gates or summary.left_out:
        lines = ["| gate | held | figures |", "| --- | --- | --- |"]
        judged = [
            *((gate.expression, "yes" if gate.held else "**no**", gate.detail) for gate in summary.gates),
            *((left_out, "-", "not evaluated (`only`)") for left_out in summary.left_out),
        ]
        for gate, *cells in judged:
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in (f"`{gate}`", *cells)) + " |")
        create_markdown_artifact("\n".join(lines), key=f"{key}-gates", description=f"Gates of {name}")
    create_table_artifact(lineage(summary), key=f"{key}-lineage", description=f"What {name} made from what")


def lineage(summary: Summary) -> list[dict[str, str]]:
    """Return a row a node: how it ended, how long its stage took, what it gave, and from what."""
    rows = []
    for name, result in summary.results.items():
        action, node = result.action, result.node
        gave = [] if action is None else [
            f"{kind.kind} {action.outputs[port][:_DIGEST]}" for port, kind in node.output_kinds.items()
        ]  # fmt: skip
        rows.append(
            {
                "node": name,
                "stage": node.stage.name,
                "state": result.state,
                "seconds": f"{result.seconds:.1f}" if action else "",
                "gave": ", ".join(gave),
                "from": ", ".join(node.upstream),
            }
        )
    return rows


def publish_report(plan: Plan, summary: Summary, store: Store, begun: float) -> None:
    """Show the way to the run's report: a link where somebody serves the store's reports, else the command.

    Browsers don't follow links from a server's page to files, so that a path is of no use there.

    Args:
        begun: when the run began, as a time stamp.
    """
    run, key = run_name(plan.pipeline.name, begun), f"{artifact_key(plan.pipeline.name)}-report"
    told = f"Report of {plan.pipeline.name}"
    served = os.environ.get(REPORTS_VARIABLE)
    if served:
        record = run_record(plan, summary, begun, time.time() - begun)
        try:
            write_report(store, run, record)
        except Exception as error:  # a lost page must not fail a run
            get_run_logger().warning("no report could be written: %s", error)
            return
        create_link_artifact(f"{served.rstrip('/')}/{run}.html", link_text=run, key=key, description=told)
        return
    command = shlex.join(["edgesmith", "report", run, "--store", str(store.root)])
    text = f"Where the run was made, this writes the page:\n\n```sh\n{command}\n```\n"
    create_markdown_artifact(text, key=key, description=told)


def write_report(store: Store, run: str, record: dict[str, object]) -> Path:
    """Write a run's page into the store's folder of reports; return its file."""
    from edgesmith_flows.report.facts import facts_of
    from edgesmith_flows.report.page import page

    file = store.root / "reports" / f"{run}.html"
    store.write(file, page(facts_of(store, run, record)).encode())
    return file


def artifact_key(name: str) -> str:
    """Return a pipeline's name as Prefect's keys are written: lowercase letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]", "-", name.lower()).strip("-")
