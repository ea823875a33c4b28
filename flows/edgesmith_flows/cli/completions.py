"""What a shell is offered for an argument: names of pipelines, of their nodes, and of runs.

A file that can't be read offers nothing: the command itself will say what is wrong with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import click

MOST_RUNS = 30


def complete_pipelines(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of pipelines, and YAML files."""
    from edgesmith_flows.settings import known_pipelines

    folder = incomplete.rpartition("/")[0]
    files: list[str] = []
    with contextlib.suppress(OSError):
        for one in sorted(Path(folder or ".").iterdir()):
            shown = f"{folder}/{one.name}" if folder else one.name
            files += [f"{shown}/"] if one.is_dir() and folder else [shown] if one.suffix in (".yaml", ".yml") else []
    return _starting([*sorted(known_pipelines()), *files], incomplete)


def complete_nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Nodes of the pipeline that the line names, as its file has them under `stages:`."""
    from edgesmith.errors import EdgesmithError
    from edgesmith_flows.settings import find_pipeline
    from edgesmith_flows.yaml_source import load_yaml

    # Click gives up on a line that ends in an option without its value, and leaves the words that it read.
    name = ctx.params.get("pipeline") or next(iter(ctx.args), None)
    if not isinstance(name, str):
        return []
    try:
        document = load_yaml(find_pipeline(name)).data
    except EdgesmithError:
        return []
    stages = document.get("stages") if isinstance(document, dict) else None
    return _starting([str(one) for one in stages], incomplete) if isinstance(stages, dict) else []


def complete_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Pipelines that were run, and the newest runs."""
    from edgesmith_flows.settings import load_settings

    folder = load_settings(ctx.params.get("store")).store / "runs"
    names = sorted((file.stem for file in folder.glob("*.json")), reverse=True)
    pipelines = dict.fromkeys(name.partition("-")[2] for name in names)
    return _starting([*pipelines, *names[:MOST_RUNS]], incomplete)


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
