"""What a quantiser can be told to leave alone: a file's operations, by role and by block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgesmith import UserError
from edgesmith.errors import unknown

LARGE = 4
"""Operations with weights above which a block is looked into once more."""


@dataclass(frozen=True)
class Operation:
    """One operation of a model file.

    Attributes:
        name: what the quantiser addresses it by.
        op: its type in the format's own words, such as `Conv` or `CONV_2D`.
        inputs: the tensors it reads that depend on the model's input.
        outputs: the tensors it gives.
        constants: whether it reads constants, too.
        weights: whether one of those has two dimensions or more that are larger than one.
        quantisable: whether the quantiser knows the type.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: bool = False
    weights: bool = False
    quantisable: bool = True

    @property
    def role(self) -> str:
        """The type, and what it is used for: attention's MatMul is another one than a linear layer's."""
        return f"{self.op} with constants" if self.constants else self.op


def roles(operations: Iterable[Operation]) -> dict[str, tuple[str, ...]]:
    """Return the names of the quantisable operations by role, roles in the order of the file."""
    found: dict[str, list[str]] = {}
    for operation in operations:
        if operation.quantisable:
            found.setdefault(operation.role, []).append(operation.name)
    return {role: tuple(names) for role, names in found.items()}


def of_types(operations: Sequence[Operation], types: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the operations of these types; raise UserError for a type that the model lacks."""
    present = {one.op for one in operations}
    for name in types:
        if name not in present:
            raise UserError(unknown("operator in `exclude`", name, present))
    return tuple(one.name for one in operations if one.op in types)


def blocks(operations: Sequence[Operation], at_most: int) -> dict[str, tuple[str, ...]]:
    """Split a file into blocks that one tensor alone connects: residual blocks and attention stay whole.

    Args:
        operations: in the order of the file.
        at_most: neighbours are put together until there are no more, the lightest ones first.

    Returns:
        The names of each block's quantisable operations, by the name of its first one. Each has an
        operation with weights, unless the file has none.
    """
    pieces = [piece for piece in _pieces(operations) if any(one.quantisable for one in piece)]
    joined: list[list[Operation]] = []
    for piece in pieces:
        if joined and not all(any(one.weights for one in part) for part in (joined[-1], piece)):
            joined[-1].extend(piece)
        else:
            joined.append(list(piece))
    while len(joined) > at_most:
        sizes = [sum(one.weights for one in piece) for piece in joined]
        first = min(range(len(joined) - 1), key=lambda index: (sizes[index] + sizes[index + 1], index))
        joined[first : first + 2] = [joined[first] + joined[first + 1]]
    named = [[one.name for one in piece if one.quantisable] for piece in joined]
    return {names[0]: tuple(names) for names in named}


def _pieces(operations: Sequence[Operation]) -> list[list[Operation]]:
    """Cut wherever no more than one tensor is still to be read; in large pieces, such as a transformer with a skip
    connection around it, two."""
    alive = _alive(operations)
    ends = {index for index, count in enumerate(alive) if count <= 1}
    for begin, end in pairwise([-1, *sorted(ends | {len(operations) - 1})]):
        inside = range(begin + 1, end + 1)
        if sum(operations[index].weights for index in inside) > LARGE:
            ends |= {index for index in inside if alive[index] <= 2}
    bounds = [-1, *sorted(ends | {len(operations) - 1})]
    return [list(operations[begin + 1 : end + 1]) for begin, end in pairwise(bounds)]


def _alive(operations: Sequence[Operation]) -> list[int]:
    """Return, after each operation, how many tensors are there that a later one reads."""
    last: dict[str, int] = {}
    for index, operation in enumerate(operations):
        for name in operation.inputs:
            last[name] = index
    alive: set[str] = set()
    counts = []
    for index, operation in enumerate(operations):
        alive |= {*operation.inputs, *operation.outputs}
        alive = {name for name in alive if last.get(name, -1) > index}
        counts.append(len(alive))
    return counts
