"""What changed between two runs: figures, and the parts of keys that brought it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgesmith_flows.action import provisional_reasons, settled
from edgesmith_flows.explain import differences
from edgesmith_flows.figures.metric import Metric, Value
from edgesmith_flows.figures.table import FigureTable, RunFigures


@dataclass(frozen=True)
class FigureChange:
    """A figure that two runs have differently; None where one hasn't got it."""

    metric: Metric
    before: Value | None
    after: Value | None

    @property
    def share(self) -> float | None:
        """The change relative to the value before, where both are numbers."""
        if isinstance(self.before, float) and isinstance(self.after, float) and self.before:
            return (self.after - self.before) / abs(self.before)
        return None


@dataclass(frozen=True)
class Cause:
    """A node whose key changed for a reason of its own.

    Attributes:
        parts: what changed: `params.epochs: 2 -> 3`, `tools.onnx: "1.20" -> "1.21"`, `source: ... -> ...`.
    """

    node: str
    parts: tuple[str, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """What sorts of change they are: param, code, tool, data, machine, graph."""
        return tuple(dict.fromkeys(_kind(part) for part in self.parts))


_KINDS = {
    "params": "param",
    "source": "code",
    "version": "code",
    "loaders": "code",
    "recipe_code": "code",
    "stage": "code",
    "tools": "tool",
    "toolchains": "tool",
    "runtimes": "tool",
    "datasets": "data",
    "files": "data",
    "seed": "param",
    "target": "machine",
    "provisional": "machine",
}


def _kind(part: str) -> str:
    place = part.partition(":")[0]
    return "code" if place.endswith(".source") else _KINDS.get(place.partition(".")[0], "graph")


def figure_changes(before: RunFigures, after: RunFigures) -> list[FigureChange]:
    """Return the figures that differ, in the order of their names."""
    names = sorted({*before.figures, *after.figures})
    changes = [FigureChange(name, before.figures.get(name), after.figures.get(name)) for name in names]
    return [change for change in changes if change.before != change.after]


def causes(table: FigureTable, before: RunFigures, after: RunFigures, nodes: set[str] | None = None) -> list[Cause]:
    """Return the nodes whose keys changed by themselves, in the order of their names.

    A node that changed only because its inputs did is left out: what changed them is there.

    Args:
        nodes: look at these only; at all by default.
    """
    found = []
    for node in sorted({*before.keys, *after.keys} if nodes is None else nodes):
        old, new = before.keys.get(node), after.keys.get(node)
        if old == new:
            continue
        if old is None or new is None:
            found.append(Cause(node, ("is new" if old is None else "is gone",)))
            continue
        documents = table.document(old), table.document(new)
        if documents[0] is None or documents[1] is None:
            found.append(Cause(node, (f"its key: {old[:12]} -> {new[:12]}; what went into it is not known any more",)))
            continue
        parts = tuple(_own(documents[0], documents[1]))
        if parts:
            found.append(Cause(node, parts))
    return found


def _own(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield what changed but for the inputs' content; other ports, or another number of inputs, are a change."""
    yield from differences(_without_digests(old), _without_digests(new))


def _without_digests(document: Mapping[str, Any]) -> dict[str, Any]:
    inputs = document.get("inputs", {})
    why = provisional_reasons(document)
    return {
        **settled(document),
        "inputs": {port: len(digests) for port, digests in inputs.items()},
        **({"provisional": list(why)} if why else {}),
    }


def upstream(table: FigureTable, run: RunFigures, node: str) -> set[str]:
    """Return a node and all whose outputs went into it, as the keys' documents have them."""
    makers: defaultdict[str, list[str]] = defaultdict(list)  # of one digest several: a stage may find nothing to change
    for name, outputs in run.outputs.items():
        for digest in outputs.values():
            makers[digest].append(name)
    found: set[str] = set()
    stack = [node]
    while stack:
        name = stack.pop()
        if name in found:
            continue
        found.add(name)
        document = table.document(run.keys[name]) if name in run.keys else None
        for digests in (document or {}).get("inputs", {}).values():
            stack.extend(maker for digest in digests for maker in makers.get(digest, ()))
    return found
