"""How wide what pruning leaves of each group of channels is: arithmetic alone, no tensors are cut here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Literal, NamedTuple

from edgesmith_stages.pruning.rounding import kept_channels

if TYPE_CHECKING:
    import torch

Scope = Literal["layer", "global"]
Attention = Literal["dims", "heads", "both"]


class Width(NamedTuple):
    """Channels of a group: `heads` equal parts of `dim` each; one part where nothing divides them."""

    heads: int
    dim: int


Widths = Mapping[str, Width]
"""By group, its width."""


@dataclass(frozen=True)
class Group:
    """Channels that only go together: a layer's outputs, what is added to them, and the inputs that take them.

    Attributes:
        name: of the layer that stands for the group, and its side, as `stem.conv:out`.
        width: now.
        attention: the parts are heads of attention, and may go one by one.
        scores: how much each channel matters, float [heads * dim]; within a layer only their order counts.
    """

    name: str
    width: Width
    attention: bool
    scores: torch.Tensor


@dataclass(frozen=True)
class Rule:
    """How a ratio becomes widths.

    Attributes:
        scope: `layer` takes the ratio out of every group, `global` out of all groups' channels together.
        round_to: make channel counts multiples of this; 1 for any.
        attention: what attention loses: `dims` of every head alike, whole `heads`, or `both`.
    """

    scope: Scope = "layer"
    round_to: int = 1
    attention: Attention = "dims"

    def widths(self, groups: Sequence[Group], ratio: float) -> dict[str, Width]:
        """Return what to leave of each group that loses something; a larger ratio never leaves more.

        Args:
            groups: scored.
            ratio: share of channels to take out, 0 to 1. Of every group at least a tenth stays.
        """
        shares = self._shares(groups, ratio)
        wanted = {group.name: self._width(group, share) for group, share in zip(groups, shares, strict=True)}
        return {group.name: wanted[group.name] for group in groups if wanted[group.name] != group.width}

    def _shares(self, groups: Sequence[Group], ratio: float) -> list[float]:
        if self.scope == "layer" or not groups:
            return [ratio] * len(groups)
        import torch

        known = [group.scores.view(group.width.heads, -1).mean(dim=0) for group in groups]
        count = sum(map(len, known))
        pruned = _pruned(count, ratio)
        if not pruned:
            return [0.0] * len(groups)
        threshold = torch.cat(known).sort().values[pruned - 1]
        return [float((scores <= threshold).double().mean()) for scores in known]

    def _width(self, group: Group, share: float) -> Width:
        heads, dim = group.width
        if not group.attention or self.attention == "dims":
            return Width(heads, kept_channels(dim, _pruned(dim, share), heads, self.round_to))
        if self.attention == "heads":
            return Width(kept_channels(heads, _pruned(heads, share), dim, self.round_to), dim)
        # Both lose the same share, so that their product loses the one that is asked for.
        each = 1 - sqrt(1 - share)
        left = max(1, round(heads * (1 - each)))
        return Width(left, kept_channels(dim, _pruned(dim, each), left, self.round_to))


def schedule(groups: Sequence[Group], final: Widths, steps: int) -> list[dict[str, Width]]:
    """Return widths on the way to the final ones, step by step, the final ones last; equal ones come once.

    Args:
        groups: as they are.
        final: of those that lose something.
        steps: how many ways to go.
    """
    found: list[dict[str, Width]] = []
    now = {group.name: group.width for group in groups}
    for step in range(1, steps + 1):
        left = 1 - step / steps
        wanted = {
            name: Width(*(last + round((first - last) * left) for first, last in zip(now[name], goal, strict=True)))
            for name, goal in final.items()
        }
        if wanted != (found[-1] if found else {name: now[name] for name in final}):
            found.append(wanted)
    return found


def _pruned(count: int, share: float) -> int:
    # 1 - 0.8 is a little under 0.2, which would take one more of 80 than a share of 0.8 says.
    return count - int(count * (1 - share) + 1e-9)
