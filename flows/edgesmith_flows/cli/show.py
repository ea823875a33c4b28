"""`edgesmith show`: a pipeline's graph, as text and Mermaid."""

from __future__ import annotations

import click

from edgesmith_flows.cli.completions import complete_pipelines
from edgesmith_flows.cli.options import set_option


@click.command("show", short_help="Show a pipeline's graph.")
@click.argument("pipeline", shell_complete=complete_pipelines)
@set_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["both", "text", "mermaid"]),
    default="both",
    show_default=True,
    help="As text, as Mermaid, or both.",
)
def command(pipeline: str, overrides: tuple[str, ...], form: str) -> None:
    """Show PIPELINE's nodes, what each needs and gives, and the graph as Mermaid."""
    from edgesmith_flows.graph import as_mermaid, as_text
    from edgesmith_flows.overrides import parse_overrides
    from edgesmith_flows.session import load_pipeline
    from edgesmith_flows.settings import load_settings

    loaded, _ = load_pipeline(pipeline, load_settings(), parse_overrides(overrides))
    if form in ("both", "text"):
        click.echo(as_text(loaded))
    if form == "both":
        click.echo()
    if form in ("both", "mermaid"):
        click.echo(as_mermaid(loaded))
