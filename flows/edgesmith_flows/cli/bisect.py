"""`edgesmith bisect`: which run changed a figure, and what had changed in it."""

from __future__ import annotations

import json

import click

from edgesmith_flows.cli.options import store_option


@click.command("bisect", short_help="Find what changed a figure.")
@click.argument("metric")
@click.option("--pipeline", help="Only runs of this pipeline.")
@click.option("--good", metavar="RUN", help="A run before the change; the oldest by default.")
@click.option("--bad", metavar="RUN", help="A run with the change; the newest by default.")
@click.option(
    "--at-least",
    metavar="SHARE",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Overlook smaller changes: 0.05 is 5 %.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document instead.")
@store_option
def command(
    metric: str,
    pipeline: str | None,
    good: str | None,
    bad: str | None,
    at_least: float,
    as_json: bool,
    store: str | None,
) -> None:
    """Find the run in which METRIC last changed, and which param, code or tool had changed in it.

    Nothing is run: the keys of the runs that the store knows tell. Figures of one machine at different times, such as
    latencies, need `--at-least`.
    """
    from edgesmith_flows.cli.history import shown
    from edgesmith_flows.figures.bisect import bisect
    from edgesmith_flows.figures.metric import find_metric
    from edgesmith_flows.figures.table import FigureTable
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    with FigureTable(Store.open(load_settings(store).store)) as table:
        table.check_pipeline(pipeline)
        name = find_metric(metric, table.metrics(pipeline))
        found = bisect(table, name, pipeline=pipeline, good=good, bad=bad, at_least=at_least)
    if as_json:
        body = {
            "metric": str(found.metric),
            "before": {"run": found.before.run, "value": found.before.value},
            "after": {"run": found.after.run, "value": found.after.value},
            "causes": [{"node": one.node, "kinds": list(one.kinds), "parts": list(one.parts)} for one in found.causes],
        }
        click.echo(json.dumps(body, indent=1))
        return
    click.echo(f"{found.metric}: {shown(found.before.value)} -> {shown(found.after.value)}")
    click.echo(f"  last with {shown(found.before.value)}: {found.before.run}")
    click.echo(f"  first with {shown(found.after.value)}: {found.after.run}")
    for cause in found.causes:
        click.echo(f"{cause.node} ({', '.join(cause.kinds)}):")
        for part in cause.parts:
            click.echo(f"  {part}")
    if not found.causes:
        click.echo("no key that it depends on changed: it was measured again, or a stage is not deterministic")
    elif len(found.causes) > 1 or len(found.causes[0].parts) > 1:
        click.echo("several things changed between these two runs: run one with only some of them to tell them apart")
