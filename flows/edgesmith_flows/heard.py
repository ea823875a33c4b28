"""What a stage, and the pipelines that it runs, had to say while it ran: what its action's record keeps of that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from edgesmith_flows.outcome import NodeResult


@dataclass
class Heard:
    """Each text and key once, in order.

    Attributes:
        warnings: what was logged as one, or worse.
        through: keys of the nodes of pipelines that it ran.
        provisional: why its result is good for this run only.
    """

    warnings: dict[str, None] = field(default_factory=dict)
    through: dict[str, None] = field(default_factory=dict)
    provisional: dict[str, None] = field(default_factory=dict)

    def ran(self, results: Iterable[NodeResult]) -> None:
        """Note how the nodes of a pipeline ended: what was lost there makes the result provisional, too."""
        for result in results:
            name = result.node.name
            if result.action is not None:
                self.through[result.action.key] = None
                for why in result.action.provisional:
                    self.lost(f"{name}: {why}")
            elif result.error is not None:
                self.lost(f"{name}: {result.error.message}")

    def lost(self, why: str) -> None:
        """Note why the result is good for this run only, in a line."""
        self.provisional[(why.strip().splitlines() or ["?"])[0]] = None
