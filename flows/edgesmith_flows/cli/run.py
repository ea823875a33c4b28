"""`edgesmith run`: plan, then make what is not in the store."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from edgesmith_flows.cli.options import remote_option, set_option, store_option

if TYPE_CHECKING:
    from edgesmith_flows.plan import Plan
    from edgesmith_flows.results import Summary
    from edgesmith_flows.session import Session


@click.command("run", short_help="Run a pipeline.")
@click.argument("pipeline")
@set_option
@store_option
@click.option("--only", multiple=True, metavar="NODE", help="Make this node, and what it needs, and no other.")
@click.option("--force", multiple=True, metavar="NODE", help="Run this node even if it is cached.")
@click.option("--dry-run", is_flag=True, help="Show what would run and why, and run nothing.")
@remote_option
@click.option("--runner", metavar="RUNNER", help="Where nodes run: threads, dask, or dask:tcp://HOST:PORT.")
@click.option("--offline", is_flag=True, help="Build no toolchain: fail where one is missing.")
@click.pass_context
def command(
    ctx: click.Context,
    pipeline: str,
    overrides: tuple[str, ...],
    store: str | None,
    only: tuple[str, ...],
    force: tuple[str, ...],
    dry_run: bool,
    remote: str | None,
    runner: str | None,
    offline: bool,
) -> None:
    """Run PIPELINE: the name of one that ships or lies in ./pipelines, or the path of a YAML file.

    Nodes whose results are in the store are not run again. Exits with 1 if a node fails or a gate does not hold.
    """
    from edgesmith_flows.document import parse_runner
    from edgesmith_flows.overrides import parse_overrides
    from edgesmith_flows.session import fetch, open_session, plan_session
    from edgesmith_flows.settings import load_settings

    begun = time.time()
    try:
        parse_runner(runner or "threads")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--runner") from error
    session = open_session(pipeline, load_settings(store, remote), parse_overrides(overrides), offline=offline)
    if dry_run:
        plan, _ = plan_session(session, only, force)
        for name, step in plan.steps.items():
            why = f" ({'; '.join(step.reasons)})" if step.reasons else ""
            click.echo(f"{name}: {step.told}{why}")
        return
    with session.store.lease():
        plan, forced = plan_session(session, only, force)
        ctx.exit(_run(session, fetch(session, plan), forced, runner, begun))


def _run(session: Session, plan: Plan, forced: set[str], runner: str | None, begun: float) -> int:
    """Run a plan, show what comes of it, and return the exit code."""
    from edgesmith_flows.console import make_view, print_summary
    from edgesmith_flows.run import run_plan, write_run_record

    stream = sys.stdout
    with make_view(stream, idle=plan.done) as view:
        summary = run_plan(session, plan, forced, view, runner)
    print_summary(stream, summary)
    states = [result.state for result in summary.results.values()]
    told = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    click.echo(f"{session.pipeline.name}: {len(states)} nodes ({told}) in {time.time() - begun:.1f} s")
    code = 0 if summary.ok else report_failures(summary)
    write_run_record(session.store, plan, summary, begun)
    return code


def report_failures(summary: Summary) -> int:
    """Print each failed node's message and return the exit code."""
    from edgesmith_flows.cli.main import report

    code = 1
    for name, result in summary.results.items():
        if result.error is not None:
            report(result.error, name)
            code = max(code, result.error.exit_code)
    missed = sum(not gate.held for gate in summary.gates)
    if missed:
        click.echo(f"error: {missed} of {len(summary.gates)} gates did not hold", err=True)
    return code
