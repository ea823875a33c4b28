"""`edgesmith get`: copy what a node made out of the store."""

from __future__ import annotations

from pathlib import Path

import click

from edgesmith_flows.cli.completions import complete_nodes, complete_pipelines
from edgesmith_flows.cli.options import store_option


@click.command("get", short_help="Copy what nodes made out of the store.")
@click.argument("pipeline", shell_complete=complete_pipelines)
@click.argument("nodes", nargs=-1, required=True, shell_complete=complete_nodes)
@click.option(
    "--out", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where to."
)
@store_option
def command(pipeline: str, nodes: tuple[str, ...], out: Path, store: str | None) -> None:
    """Copy what NODES (or NODE.PORT) gave in the newest run of PIPELINE to FOLDER/NODE.

    A model's folder holds its file, the input contract, and a golden pair of images and logits.
    """
    from edgesmith_flows.checkout import checkout
    from edgesmith_flows.named_model import node_outputs
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    opened = Store.open(load_settings(store).store)
    found = {node: node_outputs(pipeline, node, opened) for node in nodes}
    for node, outputs in found.items():
        for port, digest in outputs.items():
            click.echo(checkout(opened, digest, out / node / port if len(outputs) > 1 else out / node))
