"""Where a saved program parts from the network it was made of, operation by operation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith.parity import MAX_DB
from edgesmith_stages.mil.modes import EXACT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from edgesmith_stages.coreml_export.saved import SavedPackage
    from edgesmith_stages.mil.program import Block, Operation

MOVERS = EXACT | {"cast", "classify"}
"""Operations that round nothing: they can't be where precision goes, only where it came through."""


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
        type: such as "conv".
        name: its name, without what coremltools appends for precision.
        before: SQNR of the worst of its inputs, in dB.
        after: SQNR of its result, in dB.
    """

    type: str
    name: str
    before: float
    after: float

    def __str__(self) -> str:
        given = "exact inputs" if self.before >= MAX_DB else f"inputs of {self.before:.1f} dB"
        return f"{self.type} {self.name!r}, which makes {self.after:.1f} dB of {given}"

    @property
    def growth(self) -> float:
        """How much the ratio of noise to signal grows here, in powers."""
        return max(10 ** (-self.after / 10) - 10 ** (-self.before / 10), 0.0)


def canonical(name: str) -> str:
    """Return a MIL value's name as torch gave it: coremltools appends to it when it casts or replaces an operation."""
    return name.replace("_cast_fp16", "").removesuffix("_type_fp32").removesuffix("_0")


def trace(package: SavedPackage, image: NDArray[np.uint8], reference: Mapping[str, Tensor]) -> list[Step]:
    """Run a package on one image and compare each operation's result.

    Args:
        package: what to look at.
        image: uint8 [1, H, W, C].
        reference: right results, by canonical name. A result without one is taken to be as good as its worst input.

    Returns:
        A step for each operation that computes, in the program's order.
    """
    own: dict[str, float] = {}

    def tap(name: str, value: Any) -> None:
        wanted = reference.get(canonical(name))
        if wanted is not None and wanted.shape == value.shape:
            own[name] = decibels(wanted, value)

    package.run(image, tap)
    return walk(package.block, own)


def walk(block: Block, own: Mapping[str, float]) -> list[Step]:
    """Turn the SQNR of results, by name, into steps."""
    known = {value.name: MAX_DB for value in block.inputs}
    steps = []
    for operation in block.operations:
        inputs = [known[name] for name in operation.names() if name in known]
        if not inputs:
            continue  # a constant
        before = min(inputs)
        for value in operation.outputs:
            known[value.name] = own.get(value.name, before)
        if operation.outputs and operation.type not in MOVERS:
            steps.append(Step(operation.type, canonical(operation.name), before, known[operation.outputs[0].name]))
    return steps


def blame(steps: Sequence[Step], bar: float) -> Step | None:
    """Return the operation where it goes wrong: of those that turn good inputs into bad results, the worst.

    Args:
        steps: from `trace`.
        bar: what tells good from bad, in dB.
    """
    wrong = [step for step in steps if step.after < bar <= step.before]
    return max(wrong, key=lambda step: step.growth, default=None)


def single_precision(block: Block) -> int:
    """Count the operations that compute in single precision."""
    return sum(
        1
        for operation in block.operations
        if not is_constant(operation)
        and operation.type not in ("cast", "classify")
        and any(getattr(value.type, "dtype", "") == "fp32" for value in operation.outputs)
    )


def decibels(wanted: Tensor, found: Tensor) -> float:
    """SQNR as `edgesmith.parity.sqnr_db` defines it, on tensors."""
    noise = float((wanted.double() - found.double()).square().sum())
    signal = float(wanted.double().square().sum())
    if not math.isfinite(noise) or (signal == 0 and noise > 0):
        return -MAX_DB
    return MAX_DB if noise == 0 else min(max(10 * math.log10(signal / noise), -MAX_DB), MAX_DB)


def is_constant(operation: Operation) -> bool:
    """Whether an operation's result is known before the program runs."""
    return operation.type == "const" or operation.type.startswith("constexpr_")
