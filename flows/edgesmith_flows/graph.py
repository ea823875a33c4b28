"""A pipeline's graph for people."""

from __future__ import annotations

from edgesmith_flows.pipeline import Pipeline


def as_text(pipeline: Pipeline) -> str:
    """One line a node: its stage, what it gives, what it needs."""
    lines = [f"{pipeline.name}: {pipeline.description}".rstrip(": ")]
    width = max(len(name) for name in pipeline.nodes)
    for name, node in pipeline.nodes.items():
        gives = ", ".join(kind.kind for kind in node.output_kinds.values())
        needs = ", ".join(need.node for needs in node.needs.values() for need in needs)
        lines.append(
            f"  {name.ljust(width)}  {node.stage.name} -> {gives or 'nothing'}{f'  (needs {needs})' if needs else ''}"
        )
    lines.extend(f"  gate: {gate}" for gate in pipeline.gates)
    return "\n".join(lines)


def as_mermaid(pipeline: Pipeline) -> str:
    """A Mermaid flowchart."""
    ids = {name: f"n{index}" for index, name in enumerate(pipeline.nodes)}
    lines = ["flowchart TD"]
    for name, node in pipeline.nodes.items():
        lines.append(f'  {ids[name]}["{name}<br/><small>{node.stage.name}</small>"]')
    for name, node in pipeline.nodes.items():
        lines.extend(f"  {ids[need]} --> {ids[name]}" for need in node.upstream)
    return "\n".join(lines)
