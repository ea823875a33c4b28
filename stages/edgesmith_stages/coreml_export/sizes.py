"""Which image sizes a package takes beside its default one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from edgesmith import InputContract, StageFailed, UserError

Side = Annotated[int, Field(gt=0)]
Size = tuple[int, int]

MAX_LISTED = 128
"""As many shapes as Core ML takes in a list."""

_AXES = {"h": 0, "w": 1}
_RULE = re.compile(r"^\s*([hw]) = (\d+)\*_[hw]$", re.MULTILINE)
"""How torch.export says that a side must be a multiple of something."""


class Range(BaseModel):
    """Every side from `min` to `max`, in pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    min: Side
    max: Side


@dataclass(frozen=True)
class Sizes:
    """Image sizes, (height, width).

    Attributes:
        default: the contract's own.
        others: further ones, listed.
        range: smallest and largest side, where every size between is taken; `others` is empty then.
    """

    default: Size
    others: tuple[Size, ...] = ()
    range: tuple[int, int] | None = None

    @classmethod
    def read(cls, wanted: tuple[int | Size, ...] | Range, contract: InputContract) -> Sizes:
        """Read the param `sizes`; raise UserError for a range without the default size, or too long a list."""
        default = contract.size
        if isinstance(wanted, Range):
            if not wanted.min <= min(default) <= max(default) <= wanted.max:
                raise UserError(
                    f"sizes: the range {wanted.min} to {wanted.max} leaves out the model's own size "
                    f"{default[0]} x {default[1]}"
                )
            return cls(default, range=(wanted.min, wanted.max)) if wanted.min < wanted.max else cls(default)
        pairs = ((one, one) if isinstance(one, int) else one for one in wanted)
        others = tuple(dict.fromkeys(pair for pair in pairs if pair != default))
        if len(others) >= MAX_LISTED:
            raise UserError(f"sizes: {len(others) + 1} sizes, Core ML takes at most {MAX_LISTED}")
        return cls(default, others)

    @property
    def fixed(self) -> bool:
        """Whether the default size is the only one."""
        return not self.others and self.range is None

    def probes(self) -> Iterator[Size]:
        """Sizes to check at: all that are listed; of a range its ends, an odd side between, and oblong ones."""
        if self.range is None:
            yield from self.others
            return
        low, high = self.range
        between = (low + high) // 2 | 1
        yield from dict.fromkeys([(low, low), (high, high), (low, high), (between, low), (between, high)])

    @property
    def largest(self) -> Size:
        """The longest sides; the graph is traced at these, since torch takes a side of 1 for a constant."""
        if self.range is not None:
            return self.range[1], self.range[1]
        sizes = (self.default, *self.others)
        return max(height for height, _ in sizes), max(width for _, width in sizes)

    def step(self, axis: int) -> int:
        """The largest step in which all listed sides of an axis lie: 64 for 192 and 256."""
        return math.gcd(*(size[axis] for size in (self.default, *self.others))) if self.range is None else 1

    def dims(self) -> dict[int, Any] | None:
        """Return the open axes for torch.export: `64 * Dim("h")`; None where the default size is the only one."""
        from torch.export import Dim

        found = {}
        for axis, name in enumerate("hw"):
            sides = self.range or tuple(size[axis] for size in (self.default, *self.others))
            low, high = min(sides), max(sides)
            if low < high:
                step = self.step(axis)
                dim = Dim(name, min=low // step, max=high // step)
                found[axis + 2] = dim if step == 1 else step * dim
        return found or None


def export_open(export: Callable[[dict[int, Any] | None], Any], sizes: Sizes) -> Any:
    """Export one graph for all sizes.

    Args:
        export: makes the graph with these axes open; raises StageFailed where torch.export can't.
        sizes: the sizes.

    Raises:
        StageFailed: the network cannot be exported at all.
        UserError: no one graph serves all these sizes; tells which ones it would serve.
    """
    try:
        return export(sizes.dims())
    except StageFailed as error:
        reason = str(error.__cause__)
        if sizes.fixed or "onstraint" not in reason:
            raise
        rule = math.lcm(*(sizes.step(_AXES[axis]) * int(factor) for axis, factor in _RULE.findall(reason)))
        raise UserError(_refusal(sizes, rule), hint=_advice(sizes, rule)) from error


def _refusal(sizes: Sizes, rule: int) -> str:
    steps = f"the network takes sides in steps of {rule}" if rule > 1 else "what it does depends on the size"
    if sizes.range is not None:
        low, high = sizes.range
        return f"sizes: {steps}, which a range of {low} to {high} can't say"
    odd = [size for size in (sizes.default, *sizes.others) if any(side % rule for side in size)]
    named = f", not {_listed(odd)}" if odd else ""
    return f"sizes: no one graph serves all of them: {steps}{named}"


def _advice(sizes: Sizes, rule: int) -> str:
    if sizes.range is None:
        return f"list multiples of {rule} alone, or export the others on their own" if rule > 1 else "list fewer sizes"
    if rule == 1:
        return "list the sizes that you need instead; multiples of 32 or 64 most often go together"
    low, high = sizes.range
    valid = range(-(-low // rule) * rule, high + 1, rule)
    return f"list the sizes instead: `sizes: [{', '.join(map(str, valid[:12]))}{', ...' if len(valid) > 12 else ''}]`"


def _listed(sizes: list[Size]) -> str:
    return ", ".join(f"{height} x {width}" for height, width in sizes)
