"""Options that several commands share."""

from __future__ import annotations

import click

store_option = click.option(
    "--store",
    metavar="FOLDER",
    help="The store's folder [default: EDGESMITH_STORE, or .edgesmith in the working directory].",
)
remote_option = click.option(
    "--remote",
    metavar="URL",
    help="A store that machines share: any fsspec URL [default: EDGESMITH_REMOTE, or none].",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a param of the pipeline (image_size=128) or of one node (teacher.epochs=3).",
)
