"""`edgesmith baseline`: runs kept by name."""

from __future__ import annotations

import click

from edgesmith_flows.cli.options import store_option


@click.group("baseline", short_help="Keep a run by name.")
def command() -> None:
    """Keep a run's results by name, whatever `edgesmith cache gc` removes."""


@command.command("set")
@click.argument("pipeline")
@click.option("--name", help="The baseline's name; the pipeline's own by default.")
@click.option("--run", "run_name", metavar="RUN", help="A run's name, or its start; the newest by default.")
@store_option
def set_(pipeline: str, name: str | None, run_name: str | None, store: str | None) -> None:
    """Make a run of PIPELINE the baseline."""
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store
    from edgesmith_flows.tags import newest_run, set_tag

    opened = Store.open(load_settings(store).store)
    tag = set_tag(opened, name or pipeline, newest_run(opened, pipeline, run_name))
    click.echo(f"{tag.name}: {tag.pipeline} of {tag.run}, {len(tag.keys)} nodes")


@command.command("show")
@click.argument("name", required=False)
@store_option
def show(name: str | None, store: str | None) -> None:
    """Show baselines: all, or one with its nodes."""
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store
    from edgesmith_flows.tags import find_tag, tags

    opened = Store.open(load_settings(store).store)
    if name is None:
        known = list(tags(opened))
        for tag in known:
            click.echo(f"{tag.name}: {tag.pipeline} of {tag.run}, {len(tag.keys)} nodes")
        if not known:
            click.echo("there is no baseline yet; `edgesmith baseline set PIPELINE` makes one")
        return
    tag = find_tag(opened, name)
    click.echo(f"{tag.name}: {tag.pipeline} of {tag.run}")
    for key in tag.keys:
        action = opened.action(key)
        outputs = "gone" if action is None else " ".join(f"{p}={d[:12]}" for p, d in action.outputs.items())
        stage = "?" if action is None else action.document.get("stage", "?")
        click.echo(f"  {key[:12]}  {stage}: {outputs}")


@command.command("promote")
@click.argument("nightly", default="nightly")
@click.option("--anyway", is_flag=True, help="Even if something had got worse in it.")
@store_option
def promote_(nightly: str, anyway: bool, store: str | None) -> None:
    """Make the newest night of NIGHTLY (`nightly` by default) the baseline of the nights to come."""
    from edgesmith_flows.nightly.night import promote
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    for tag in promote(Store.open(load_settings(store).store), nightly, anyway=anyway):
        click.echo(f"{tag.name}: {tag.pipeline} of {tag.run}, {len(tag.keys)} nodes")


@command.command("rm")
@click.argument("name")
@store_option
def rm(name: str, store: str | None) -> None:
    """Forget a baseline; its results stay until `edgesmith cache gc` lets them go."""
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store
    from edgesmith_flows.tags import remove_tag

    remove_tag(Store.open(load_settings(store).store), name)
    click.echo(f"{name}: forgotten")
