"""The space of a search: by param, the values that it may take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

if TYPE_CHECKING:
    import optuna


class Range(BaseModel):
    """Numbers between two bounds, whole ones if both bounds are.

    Attributes:
        low: the least value.
        high: the greatest value.
        step: the distance between values; 1 for whole numbers, any number in between for others by default.
        log: draw on a logarithmic scale.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    low: int | FiniteFloat
    high: int | FiniteFloat
    step: Annotated[int | FiniteFloat, Field(gt=0)] | None = None
    log: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"expected low < high, got {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a logarithmic range starts above 0 and has no step")
        if self.whole and isinstance(self.step, float) and not self.step.is_integer():
            raise ValueError(f"the step {self.step} leads from {self.low} to no whole number")
        return self

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> list[Any]:
        """The least and the greatest value."""
        return [self.low, self.high]

    @property
    def size(self) -> float:
        """How many values there are."""
        if self.step is None and not self.whole:
            return math.inf
        return math.floor((self.high - self.low) / (self.step or 1) + 1e-9) + 1

    @property
    def values(self) -> list[Any]:
        """All values, where they can be counted."""
        step = self.step or 1
        found = [self.low + step * place for place in range(int(self.size))]
        return [int(one) if self.whole else float(f"{one:.6g}") for one in found]

    def draw(self, trial: optuna.Trial, name: str) -> Any:
        """Have a value suggested."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        if self.step is not None:
            # By its place: Optuna's own steps leave the last one out where floats don't divide evenly.
            return self.values[trial.suggest_int(name, 0, len(self.values) - 1)]
        # Six digits are enough for any param, and make a trial's params fit to be read and typed again.
        return float(f"{trial.suggest_float(name, self.low, self.high, log=self.log):.6g}")


class Choices(list[Any]):
    """A list of values, seen as an axis."""

    ends = values = property(lambda self: list(self))
    size = property(lambda self: float(len(self)))

    def draw(self, trial: optuna.Trial, name: str) -> Any:
        """Have a value suggested, by its place: a value may be of any type."""
        return self[trial.suggest_categorical(name, range(len(self)))]


Space = Annotated[dict[str, Range | Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]


def axes_of(space: Mapping[str, Range | Sequence[Any]]) -> dict[str, Range | Choices]:
    """Return the axes by param, in the order of their names: which points are tried depends on it, and a node's key
    does not know in which order a mapping was written."""
    return {name: one if isinstance(one, Range) else Choices(one) for name, one in sorted(space.items())}


def variants_of(space: Mapping[str, Range | Sequence[Any]]) -> list[dict[str, Any]]:
    """Return a set of params for each choice and each bound of each param, the others being at their first one."""
    ends = {name: axis.ends for name, axis in axes_of(space).items()}
    first = {name: values[0] for name, values in ends.items()}
    return [first, *({**first, name: value} for name, values in ends.items() for value in values[1:])]


def size_of(space: Mapping[str, Range | Sequence[Any]]) -> float:
    """Return how many combinations there are."""
    return math.prod(axis.size for axis in axes_of(space).values())
