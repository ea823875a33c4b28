"""Find where numbers are lost: results too large for their declared dtype, results that are no numbers, underflow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """What an operation lost in the run in which it lost most.

    Attributes:
        type: the operation's type.
        name: its name.
        overflow: elements that became infinite from finite arguments.
        nan: elements that became no number from arguments that were.
        underflow: elements that were rounded to zero.
        elements: of the result.
    """

    type: str
    name: str
    overflow: int
    nan: int
    underflow: int
    elements: int

    def __str__(self) -> str:
        counts = {"overflow to inf": self.overflow, "NaN": self.nan, "underflow to zero": self.underflow}
        said = ", ".join(f"{what} in {count:,}" for what, count in counts.items() if count)
        return f"{self.type} {self.name!r}: {said} of {self.elements:,} elements"


class Watch:
    """Collects losses over the runs of an interpreter.

    An operation that only passes on what its arguments hold already is not reported: the first in a chain is.

    Args:
        underflow: whether underflow is counted as well, which costs two more passes over every rounded result.

    Attributes:
        losses: by the operation's name, in order of their first loss.
    """

    def __init__(self, *, underflow: bool = False) -> None:
        self.underflow = underflow
        self.losses: dict[str, Loss] = {}

    def see(self, type: str, name: str, arguments: Iterable[Any], result: Tensor, before: int | None) -> None:
        """Look at one result.

        Args:
            type: the operation's type.
            name: its name.
            arguments: what it was given.
            result: what it gave, rounded.
            before: how many elements were not zero before the rounding; None where that is not watched.
        """
        overflow = nan = 0
        if _is_broken(result) and not any(_is_broken(one) for one in _tensors(arguments)):
            overflow, nan = int(result.isinf().sum()), int(result.isnan().sum())
        underflow = 0 if before is None else before - int(result.count_nonzero())
        if overflow or nan or underflow:
            self._keep(Loss(type, name, overflow, nan, underflow, result.numel()))

    def _keep(self, loss: Loss) -> None:
        before = self.losses.get(loss.name)
        key = (loss.nan, loss.overflow, loss.underflow)
        if before is None or key > (before.nan, before.overflow, before.underflow):
            self.losses[loss.name] = loss

    def lines(self) -> list[str]:
        """One line an operation."""
        return [str(loss) for loss in self.losses.values()]


def _is_broken(tensor: Tensor) -> bool:
    """Whether an element is infinite or no number."""
    total = float(tensor.sum())
    # The sum, one fast pass, is finite only if all its terms are. The other way round it need not hold.
    return total - total != 0 and not bool(tensor.isfinite().all())


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    import torch

    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _tensors(value)
        elif isinstance(value, torch.Tensor) and value.is_floating_point():
            yield value
