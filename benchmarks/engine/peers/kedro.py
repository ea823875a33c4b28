"""Kedro: `kedro run --only-missing-outputs`, which looks whether the outputs are there, not whether they are right."""

from __future__ import annotations

from pathlib import Path

from benchmarks.engine.peers.peer import Graph, Peer

_PROJECT = """[tool.kedro]
package_name = "nine"
project_name = "nine"
kedro_init_version = "1.7.0"
source_dir = "src"
"""

_REGISTRY = """from kedro.pipeline import Node, Pipeline


def step(name):
    def write(*needs):
        return name + "\\n"

    return write


def register_pipelines():
    nodes = [Node(step(name), list(needs) or None, name, name="make_" + name) for name, needs in {graph}]
    return {{"__default__": Pipeline(nodes)}}
"""


def write(folder: Path, graph: Graph) -> None:
    """Write a project: Python functions, text files in the catalogue."""
    package = folder / "src" / "nine"
    package.mkdir(parents=True)
    for name in ("base", "local"):
        (folder / "conf" / name).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(_PROJECT, encoding="utf-8")
    (package / "__init__.py").touch()
    (package / "settings.py").touch()
    (package / "pipeline_registry.py").write_text(_REGISTRY.format(graph=list(graph.items())), encoding="utf-8")
    (folder / "conf" / "base" / "parameters.yml").write_text("{}\n", encoding="utf-8")
    catalogue = [f"{name}: {{type: text.TextDataset, filepath: data/{name}.txt}}" for name in graph]
    (folder / "conf" / "base" / "catalog.yml").write_text("\n".join(catalogue) + "\n", encoding="utf-8")


PEER = Peer(
    name="kedro --only-missing-outputs",
    requirements=("kedro==1.7.0", "kedro-datasets[text]==9.6.0"),
    write=write,
    argv=("kedro", "run", "--only-missing-outputs"),
    proof="Skipping all 9 nodes",
    env={"DO_NOT_TRACK": "1"},
)
