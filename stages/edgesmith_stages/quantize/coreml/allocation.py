"""How many bits each weight gets: least bytes for a given noise.

Noise of weights that know nothing of each other adds up, and so do bytes. Then the best mixtures lie on the lower
convex hull of both, and are found weight by weight (Shoham and Gersho, "Efficient bit allocation for an arbitrary set
of quantizers", 1988): of all steps from a form to a wider one, the step that takes most noise per byte comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one operation's weights cost in one form.

    Attributes:
        bytes: in the file.
        noise: that they add to the logits, as a share of the logits' power.
    """

    bytes: int
    noise: float


Table = Mapping[str, Mapping[str, Cost]]
"""By operation, by form."""


@dataclass(frozen=True)
class Path:
    """The best mixtures, from the smallest to the most exact one.

    Attributes:
        table: what it was made from.
        start: each operation's smallest form.
        steps: operation and its next form, in order.
    """

    table: Table
    start: Mapping[str, str]
    steps: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, table: Table) -> Path:
        """Order the steps to wider forms, those that take most noise per byte first."""
        start: dict[str, str] = {}
        steps: list[tuple[float, int, int, str, str]] = []
        for place, (name, costs) in enumerate(table.items()):
            form = start[name] = min(costs, key=lambda one: (costs[one].bytes, costs[one].noise))
            while (step := _best(costs, form)) is not None:
                gain, form = step
                steps.append((-gain, place, len(steps), name, form))
        return cls(table, start, tuple((name, form) for *_, name, form in sorted(steps)))

    def at(self, count: int) -> dict[str, str]:
        """Return each operation's form after so many steps."""
        return {**self.start, **dict(self.steps[:count])}

    def bytes(self, count: int) -> int:
        """Return what all weights take after so many steps."""
        return total_bytes(self.table, self.at(count))

    def __len__(self) -> int:
        """How many steps there are."""
        return len(self.steps)


def total_bytes(table: Table, forms: Mapping[str, str]) -> int:
    """Return what all weights take in these forms."""
    return sum(table[name][form].bytes for name, form in forms.items())


def _best(costs: Mapping[str, Cost], form: str) -> tuple[float, str] | None:
    """The step from a form that takes most noise per byte; of equal ones the widest."""
    now = costs[form]
    gains = [
        ((now.noise - cost.noise) / (cost.bytes - now.bytes), cost.bytes, name)
        for name, cost in costs.items()
        if cost.bytes > now.bytes and cost.noise < now.noise
    ]
    if not gains:
        return None
    gain, _, name = max(gains)
    return gain, name
