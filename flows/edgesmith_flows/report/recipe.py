"""A model's recipe: the nodes that led to it, with the params that the pipeline sets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgesmith_flows.report.facts import NodeFacts

LONGEST = 60


@dataclass(frozen=True)
class Step:
    """One node of a recipe, with its params as a text."""

    node: str
    stage: str
    given: str


def recipe(nodes: Mapping[str, NodeFacts], name: str) -> list[Step]:
    """Return the nodes that a node was made from, in order, itself last."""
    wanted: set[str] = set()
    stack = [name]
    while stack:
        one = stack.pop()
        if one in nodes and one not in wanted:
            wanted.add(one)
            stack.extend(nodes[one].upstream)
    return [Step(one.name, one.stage, given_text(one.given)) for one in nodes.values() if one.name in wanted]


def given_text(given: Mapping[str, Any]) -> str:
    """Write params as `epochs 4, data digits`."""
    return ", ".join(f"{name} {_short(value)}" for name, value in given.items())


def _short(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"name"}:
        value = value["name"]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
