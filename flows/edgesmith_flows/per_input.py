"""Figures that a stage gives of each node connected to a `many` port: under its name, a list of mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgesmith.errors import StageFailed
from edgesmith.ports import as_port
from edgesmith_flows.pipeline import Node


def per_input(node: Node, figures: Mapping[str, Any]) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """Return, for each `many` port that has a list of figures, the nodes connected, each with its mapping.

    What `refuse_odd` refuses is left out: an older version may have let it into the store.
    """
    return {
        port: [(need, row) for need, row in zip(needs, rows, strict=False) if isinstance(row, Mapping)]
        for port, needs, rows in _lists(node, figures)
    }


def refuse_odd(node: Node, figures: Mapping[str, Any], who: str) -> None:
    """Raise StageFailed for figures per input that can't be told apart by input.

    Args:
        who: the stage, for the message.
    """
    for port, needs, rows in _lists(node, figures):
        problem = _problem(needs, rows, figures)
        if problem:
            raise StageFailed(
                f"{who} gave figures for its input {port!r} that are none: {problem}",
                hint="a list under the name of an input holds one mapping for each node connected to it, whose names "
                "are no other figure's: update or uninstall the plugin, or tell its authors",
            )


def _lists(node: Node, figures: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[Any]]]:
    for port, spec in node.stage.inputs.items():
        rows = figures.get(port)
        if as_port(spec).many and isinstance(rows, list):
            yield port, [need.node for need in node.needs.get(port, ())], rows


def _problem(needs: list[str], rows: list[Any], figures: Mapping[str, Any]) -> str | None:
    if len(rows) != len(needs):
        return f"a list of {len(rows)}; expected one of {len(needs)}, as many as nodes are connected"
    for need, row in zip(needs, rows, strict=True):
        if not isinstance(row, Mapping):
            return f"for {need!r} it has {str(row)[:40]!r}; expected a mapping from names to values"
        if twice := sorted(set(row) & set(figures)):
            return f"{twice[0]!r} is a figure of {need!r}, and one of the node itself; expected one of them"
    return None
