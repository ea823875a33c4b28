"""DVC: `dvc repro` on a dvc.yaml, without Git, which is its quickest way."""

from __future__ import annotations

from pathlib import Path

from benchmarks.engine.peers.peer import Graph, Peer


def write(folder: Path, graph: Graph) -> None:
    """Write dvc.yaml: shell commands, as DVC has nothing else."""
    lines = ["stages:"]
    for name, needs in graph.items():
        lines += [f"  {name}:", f"    cmd: echo {name} > {name}.txt"]
        lines += ["    deps:", *(f"    - {need}.txt" for need in needs)] if needs else []
        lines += ["    outs:", f"    - {name}.txt"]
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


PEER = Peer(
    name="dvc repro",
    requirements=("dvc==3.67.1",),
    write=write,
    argv=("dvc", "repro"),
    proof="Data and pipelines are up to date.",
    env={"DVC_SITE_CACHE_DIR": "{project}/.dvc/site"},
    once=(("dvc", "init", "--quiet", "--no-scm"), ("dvc", "config", "core.check_update", "false")),
)
