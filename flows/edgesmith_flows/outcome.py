"""How nodes end, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from edgesmith.errors import EdgesmithError
from edgesmith_flows.action import Action
from edgesmith_flows.pipeline import Node

NodeState = Literal["cached", "done", "failed", "skipped", "cancelled"]


class Listener(Protocol):
    """Is told what happens, from several threads."""

    def started(self, node: str) -> None:
        """A node's stage begins."""

    def progressed(self, node: str, done: float, total: float, figures: Mapping[str, Any]) -> None:
        """A stage tells how far it is."""

    def logged(self, node: str, level: str, text: str) -> None:
        """A stage, or the engine on its behalf, has a message."""

    def ended(self, result: NodeResult) -> None:
        """A node is finished, one way or another."""


@dataclass(frozen=True)
class NodeResult:
    """How a node ended; `seconds` is the time that its stage took, waiting left out."""

    node: Node
    state: NodeState
    action: Action | None = None
    seconds: float = 0.0
    error: EdgesmithError | None = None
