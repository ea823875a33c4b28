"""Snakemake: a Snakefile of shell rules."""

from __future__ import annotations

from pathlib import Path

from benchmarks.engine.peers.peer import Graph, Peer


def write(folder: Path, graph: Graph) -> None:
    """Write a Snakefile; its first rule asks for the last node."""
    lines = ["rule all:", f"    input: {[*graph][-1] + '.txt'!r}"]
    for name, needs in graph.items():
        inputs = ", ".join(repr(f"{need}.txt") for need in needs)
        lines += [f"rule {name}:"] + ([f"    input: {inputs}"] if needs else [])
        lines += [f"    output: {name + '.txt'!r}", f"    shell: 'echo {name} > {{output}}'"]
    (folder / "Snakefile").write_text("\n".join(lines) + "\n", encoding="utf-8")


PEER = Peer(
    name="snakemake",
    requirements=("snakemake==9.27.1",),
    write=write,
    argv=("snakemake", "--cores", "2"),
    proof="Nothing to be done",
)
