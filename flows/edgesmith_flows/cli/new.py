"""`edgesmith new`: write the files of a plugin."""

from __future__ import annotations

import shlex
from pathlib import Path

import click


@click.group("new", short_help="Write the files of a new plugin.")
def command() -> None:
    """Write the files of something new."""


@command.command("plugin")
@click.argument("name")
@click.option(
    "--stage", "parts", flag_value="stage", multiple=True, help="A stage on ONNX models (where none is chosen)."
)
@click.option(
    "--runtime", "parts", flag_value="runtime", multiple=True, help="A model format, its compiler, its runtime."
)
@click.option("--target", "parts", flag_value="target", multiple=True, help="A machine or device to benchmark on.")
@click.option("--dataset", "parts", flag_value="dataset", multiple=True, help="A dataset.")
@click.option("--into", metavar="FOLDER", default=".", show_default=True, help="Where the plugin's folder is made.")
def plugin(name: str, parts: tuple[str, ...], into: str) -> None:
    """Write the distribution edgesmith-NAME: it installs, passes its contract tests and runs in a pipeline."""
    from edgesmith_flows.registry import load_registry
    from edgesmith_flows.scaffold import check_free, write_plugin
    from edgesmith_flows.settings import load_settings

    parts = parts or ("stage",)
    check_free(name, parts, load_registry(load_settings().plugins, Path.cwd()))
    folder = write_plugin(name, parts, Path(into))
    slug = folder.name.removeprefix("edgesmith-")
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            click.echo(f"  {file.relative_to(folder.parent)}")
    click.echo("next:")
    for step, why in (
        (shlex.join(["cd", str(folder)]), ""),
        ("uv pip install -e . --group dev", "in the environment that holds edgesmith"),
        ("pytest", "the tests of its contract"),
        (f"edgesmith run {slug}", f"pipelines/{slug}.yaml"),
    ):
        click.echo(f"  {step.ljust(34)}  {'# ' + why if why else ''}".rstrip())
