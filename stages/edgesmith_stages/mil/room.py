"""Refuse results of absurd size before memory is taken for them.

What a program declares is checked when it is read. A damaged one may compute something else than it declares: `tile`
takes its repetitions from a constant, an addition broadcasts. Kernels whose results can be larger than what they are
given ask here first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgesmith_stages.mil.valuetypes import MAX_ELEMENTS

if TYPE_CHECKING:
    from torch import Tensor

    from edgesmith_stages.mil.call import Call


def room(call: Call, shape: Sequence[int]) -> list[int]:
    """Return the shape of an operation's first result.

    Raises:
        ValueError: it has more elements than are declared, or than any tensor may have.
    """
    declared = call.output.shape
    sizes = [size for size in declared if size is not None]
    most = math.prod(sizes) if declared and len(sizes) == len(declared) else MAX_ELEMENTS
    found = math.prod(max(size, 0) for size in shape)
    if found > most:
        raise ValueError(
            f"its result would have the shape {list(shape)}, {found:,} elements, expected at most {most:,}"
        )
    return list(shape)


def broadcast(call: Call, *tensors: Tensor) -> None:
    """Do the same for a result of the shape that these tensors have together."""
    import numpy as np

    first, *others = tensors
    if any(one.shape != first.shape for one in others):
        room(call, np.broadcast_shapes(*(one.shape for one in tensors)))  # torch's own loads sympy


def padded_room(x: Tensor, amounts: Sequence[int]) -> None:
    """Do the same for the input of an operation, padded along its last axes by [before, after, ...].

    Raises:
        ValueError: it has more elements than any tensor may have.
    """
    between_room("padded input", padded_shape(x, amounts))


def padded_shape(x: Tensor, amounts: Sequence[int]) -> list[int]:
    """Return the shape of x, padded along its last axes by [before, after, ...]."""
    sides = [before + after for before, after in zip(amounts[::2], amounts[1::2], strict=True)]
    kept = x.shape[: x.dim() - len(sides)]
    return [*kept, *(size + more for size, more in zip(x.shape[len(kept) :], sides, strict=True))]


def between_room(what: str, shape: Sequence[int]) -> None:
    """Do the same for what an operation makes on the way to its result.

    Raises:
        ValueError: it has more elements than any tensor may have.
    """
    if math.prod(max(size, 0) for size in shape) > MAX_ELEMENTS:
        raise ValueError(f"its {what} would have the shape {list(shape)}, more than {MAX_ELEMENTS:,} elements")
