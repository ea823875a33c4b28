"""`edgesmith deploy`: hand pipelines to a Prefect server."""

from __future__ import annotations

import shlex

import click

from edgesmith_flows.cli.completions import complete_pipelines


@click.command("deploy", short_help="Deploy pipelines to a Prefect server.")
@click.argument("pipelines", nargs=-1, shell_complete=complete_pipelines)
@click.option("--all", "every", is_flag=True, help="Deploy every pipeline that `edgesmith list` shows.")
@click.option("--pool", default="edgesmith", show_default=True, help="The work pool; made if there is none.")
@click.option("--cron", metavar="CRON", help='A schedule, such as "0 3 * * *", in the place of those there are.')
@click.option("--timezone", metavar="ZONE", help="The schedule's time zone, such as Europe/Berlin.")
@click.option("--image", metavar="IMAGE", help="A container image with edgesmith and the project; the pool runs it.")
def command(
    pipelines: tuple[str, ...], every: bool, pool: str, cron: str | None, timezone: str | None, image: str | None
) -> None:
    """Deploy PIPELINES to the Prefect server that PREFECT_API_URL names, each under its own name.

    Afterwards `prefect deployment run NAME` runs one: flow, deployment and pipeline have one name.
    """
    names = names_of(pipelines, every)
    from edgesmith_flows.prefect_environment import set_defaults

    set_defaults()
    from edgesmith_flows.deploy import deploy
    from edgesmith_flows.prefect_profile import enable_names

    made = deploy(names, pool=pool, cron=cron, timezone=timezone, image=image, warn=warn)
    for one in made:
        click.echo(f"{one.name}: deployed to the work pool {one.pool}")
    enable_names(click.echo, warn)
    start, run = ["prefect", "worker", "start", "--pool", pool], ["prefect", "deployment", "run", made[0].name]
    click.echo(f"next: {shlex.join(start)}\n      {shlex.join(run)}")


def warn(text: str) -> None:
    """Print what the user should know."""
    click.echo(f"warning: {text}", err=True)


def names_of(pipelines: tuple[str, ...], every: bool) -> list[str]:
    """Return the pipelines to deploy; raise UserError for a name that no pipeline has."""
    from edgesmith.errors import UserError, unknown
    from edgesmith_flows.settings import known_pipelines

    known = known_pipelines()
    if every == bool(pipelines):
        raise UserError("name the pipelines, or give --all" if not every else "give names, or --all, not both")
    for name in pipelines:
        if name not in known:
            hint = "deployments find a pipeline by its name; put the file into ./pipelines"
            raise UserError(unknown("pipeline", name, known), hint=hint)
    return list(known) if every else list(pipelines)
