"""`edgesmith run`: plan, then make what is not in the store."""

from __future__ import annotations

import json
import shlex
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from edgesmith_flows.cli.completions import complete_nodes, complete_pipelines
from edgesmith_flows.cli.options import remote_option, set_option, store_option

if TYPE_CHECKING:
    from edgesmith_flows.plan import Plan
    from edgesmith_flows.results import Summary
    from edgesmith_flows.session import Session


@click.command("run", short_help="Run a pipeline.")
@click.argument("pipeline", shell_complete=complete_pipelines)
@set_option
@store_option
@click.option(
    "--only",
    multiple=True,
    metavar="NODE",
    shell_complete=complete_nodes,
    help="Make this node, and what it needs, and no other.",
)
@click.option(
    "--force", multiple=True, metavar="NODE", shell_complete=complete_nodes, help="Run this node even if it is cached."
)
@click.option("--dry-run", is_flag=True, help="Show what would run and why, and run nothing.")
@remote_option
@click.option("--runner", metavar="RUNNER", help="Where nodes run: threads, dask, or dask:tcp://HOST:PORT.")
@click.option(
    "--with", "instead", multiple=True, metavar="REQUIREMENT", help="Try another version of a tool: onnx==1.21."
)
@click.option("--offline", is_flag=True, help="Build no toolchain: fail where one is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON; progress goes to standard error.")
@click.option("-q", "--quiet", is_flag=True, help="Print what went wrong, and nothing else.")
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
    instead: tuple[str, ...],
    offline: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run PIPELINE: the name of one that ships or lies in ./pipelines, or the path of a YAML file.

    Nodes whose results are in the store are not run again. Exits with 1 if a node fails or a gate does not hold.
    With `--with` the tool is installed aside, and what it changed since the newest run is shown at the end.
    """
    from edgesmith_flows.document import parse_runner
    from edgesmith_flows.history import runs
    from edgesmith_flows.overrides import parse_overrides
    from edgesmith_flows.session import fetch, open_session, plan_session
    from edgesmith_flows.settings import load_settings

    begun = time.time()
    again = (pipeline, *(word for one in overrides for word in ("--set", one)))
    shown = Shown(as_json, quiet, again, store, _same(instead, remote, runner, offline))
    try:
        parse_runner(runner or "threads")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--runner") from error
    session = open_session(
        pipeline, load_settings(store, remote), parse_overrides(overrides), offline=offline, instead=instead
    )
    if instead and (runner or session.pipeline.runner) != "threads":
        raise click.BadParameter("works with the runner threads only", param_hint="--with")
    if dry_run:
        plan, _ = plan_session(session, only, force)
        show_plan(plan, as_json)
        return
    with session.store.lease():
        plan, forced = plan_session(session, only, force)
        before = next(runs(session.store, session.pipeline.name), None) if instead else None
        code = _run(session, fetch(session, plan), forced, runner, begun, shown)
    if before is not None and not as_json and not quiet:
        from edgesmith_flows.cli.compare import show

        show(session.store, before.name, session.pipeline.name)
    ctx.exit(code)


@dataclass(frozen=True)
class Shown:
    """What a call shows.

    Attributes:
        again: the arguments that name the pipeline and set its params, for the next command.
        store: `--store`, for the next command.
        same: the options under which a node failed, for another try.
    """

    as_json: bool = False
    quiet: bool = False
    again: tuple[str, ...] = ()
    store: str | None = None
    same: tuple[str, ...] = ()


def _same(instead: tuple[str, ...], remote: str | None, runner: str | None, offline: bool) -> tuple[str, ...]:
    """Return the options that decide where and with what nodes run, but for a password, which is not to be shown."""
    from edgesmith_flows.transfer import holds_password

    return (
        *(word for one in instead for word in ("--with", one)),
        *(("--remote", remote) if remote and not holds_password(remote) else ()),
        *(("--runner", runner) if runner else ()),
        *(("--offline",) if offline else ()),
    )


def show_plan(plan: Plan, as_json: bool) -> None:
    """Print what would run and why."""
    if as_json:
        steps = {
            name: {"state": step.state, "key": step.key, "remote": step.remote, "reasons": list(step.reasons)}
            for name, step in plan.steps.items()
        }
        click.echo(json.dumps({"pipeline": plan.pipeline.name, "nodes": steps}, indent=1))
        return
    for name, step in plan.steps.items():
        why = f" ({'; '.join(step.reasons)})" if step.reasons else ""
        click.echo(f"{name}: {step.told}{why}")


def _run(session: Session, plan: Plan, forced: set[str], runner: str | None, begun: float, shown: Shown) -> int:
    """Run a plan, show what comes of it, and return the exit code."""
    from edgesmith_flows.console import QuietView, make_view, print_summary
    from edgesmith_flows.run import run_plan, write_run_record

    stream = sys.stderr if shown.as_json or shown.quiet else sys.stdout
    making = [name for name, step in plan.steps.items() if step.state != "cached"]
    with QuietView(stream) if shown.quiet else make_view(stream, idle=plan.done, nodes=making) as view:
        summary = run_plan(session, plan, forced, view, runner, begun)
    seconds = time.time() - begun
    if not shown.as_json and not shown.quiet:
        print_summary(stream, summary)
        states = [result.state for result in summary.results.values()]
        told = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        click.echo(f"{session.pipeline.name}: {len(states)} nodes ({told}) in {seconds:.1f} s")
    code = 0 if summary.ok else report_failures(summary, name_gates=shown.quiet)
    record = write_run_record(session.store, plan, summary, begun)
    if shown.as_json:
        document = {"run": record.stem, **json.loads(record.read_text(encoding="utf-8"))}
        click.echo(json.dumps(document, indent=1))
    elif not shown.quiet:
        click.echo(f"next: {next_command(session.pipeline.name, summary, shown)}")
    return code


def next_command(pipeline: str, summary: Summary, shown: Shown) -> str:
    """Return the command that is most use now: the page about the run, or another try of the node that failed."""
    failed = [name for name, result in summary.results.items() if result.state == "failed"]
    store = ["--store", shown.store] if shown.store else []
    if failed:
        return shlex.join(["edgesmith", "run", *shown.again, "--only", failed[0], *shown.same, *store])
    return shlex.join(["edgesmith", "report", pipeline, *store])


def report_failures(summary: Summary, *, name_gates: bool = False) -> int:
    """Print each failed node's message, and the gates that did not hold if asked to; return the exit code."""
    from edgesmith_flows.cli.main import report

    code = 1
    for name, result in summary.results.items():
        if result.error is not None:
            report(result.error, name)
            code = max(code, result.error.exit_code)
    missed = [gate for gate in summary.gates if not gate.held]
    if missed:
        click.echo(f"error: {len(missed)} of {len(summary.gates)} gates did not hold", err=True)
    for gate in missed if name_gates else ():
        click.echo(f"  {gate.expression}  ({gate.detail})", err=True)
    return code
