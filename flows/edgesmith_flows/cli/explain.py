"""`edgesmith explain`: why a node is cached, or runs."""

from __future__ import annotations

import click

from edgesmith_flows.cli.completions import complete_nodes, complete_pipelines
from edgesmith_flows.cli.options import remote_option, set_option, store_option


@click.command("explain", short_help="Say why a node is cached, or runs.")
@click.argument("pipeline", shell_complete=complete_pipelines)
@click.argument("nodes", nargs=-1, shell_complete=complete_nodes)
@set_option
@store_option
@remote_option
def command(
    pipeline: str, nodes: tuple[str, ...], overrides: tuple[str, ...], store: str | None, remote: str | None
) -> None:
    """Say for the NODES of PIPELINE (all, if none is named) which part of the key changed since the last run."""
    from edgesmith_flows.overrides import parse_overrides
    from edgesmith_flows.session import open_session, plan_session
    from edgesmith_flows.settings import load_settings

    session = open_session(pipeline, load_settings(store, remote), parse_overrides(overrides))
    plan, _ = plan_session(session, nodes)
    shown = {name for node in nodes for name in session.pipeline.matching(node)} or set(plan.steps)
    for name, step in plan.steps.items():
        if name in shown:
            key = f" (key {step.key[:12]})" if step.key else ""
            click.echo(f"{name}: {step.told}{key}")
            for reason in step.reasons:
                click.echo(f"  {reason}")
