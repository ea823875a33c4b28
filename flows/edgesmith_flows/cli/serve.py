"""`edgesmith serve`: run pipelines when Prefect says so, from this process."""

from __future__ import annotations

import click

from edgesmith_flows.cli.completions import complete_pipelines


@click.command("serve", short_help="Serve pipelines from this process: no work pool, no worker.")
@click.argument("pipelines", nargs=-1, shell_complete=complete_pipelines)
@click.option("--all", "every", is_flag=True, help="Serve every pipeline that `edgesmith list` shows.")
@click.option("--cron", metavar="CRON", help='A schedule, such as "0 3 * * *".')
@click.option("--timezone", metavar="ZONE", help="The schedule's time zone, such as Europe/Berlin.")
def command(pipelines: tuple[str, ...], every: bool, cron: str | None, timezone: str | None) -> None:
    """Serve PIPELINES until Ctrl-C: each is a deployment whose runs this process starts."""
    from edgesmith_flows.cli.deploy import names_of, warn

    names = names_of(pipelines, every)
    from edgesmith_flows.prefect_environment import set_defaults

    set_defaults()
    from edgesmith_flows.deploy import serve

    serve(names, cron, timezone, tell=click.echo, warn=warn)
