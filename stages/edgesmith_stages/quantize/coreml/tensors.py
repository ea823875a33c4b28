"""Which constants of a saved program are weights, who reads them, and what they take."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.dtypes import BY_NAME, STRING
from edgesmith_stages.mil.program import Literal, Ref
from edgesmith_stages.mil.valuetypes import ValueType, value_type
from edgesmith_stages.quantize import graph

if TYPE_CHECKING:
    from edgesmith_stages.mil.program import Block

FLOATS = ("fp16", "fp32")


def weights(block: Block, least: int) -> dict[str, tuple[str, ...]]:
    """Return what coremltools compresses, by the constant's name: the operations that read it.

    Args:
        block: of the program.
        least: how many elements a weight has at most that stays as it is.
    """
    found: dict[str, list[str]] = {}
    for operation in block.operations:
        if operation.type == "const":
            (value,) = operation.outputs
            if _is_weight(value.type, least):
                found[value.name] = []
            continue
        for name in dict.fromkeys(operation.names()):
            if name in found:
                found[name].append(operation.name)
    return {name: tuple(readers) for name, readers in found.items() if readers}


def operations(block: Block, weighted: Collection[str]) -> tuple[graph.Operation, ...]:
    """Return a program's operations without its constants; those with weights are what can be quantised.

    Args:
        block: of the program.
        weighted: names of the operations that read weights.
    """
    varies = {value.name for value in block.inputs}
    found = []
    for operation in block.operations:
        if operation.type == "const" or operation.type.startswith("constexpr_"):
            continue
        names = list(dict.fromkeys(operation.names()))
        inputs = tuple(name for name in names if name in varies)
        outputs = tuple(value.name for value in operation.outputs)
        varies |= set(outputs) if inputs else set()
        found.append(
            graph.Operation(
                name=operation.name,
                op=operation.type,
                inputs=inputs,
                outputs=outputs,
                constants=len(inputs) < len(names),
                weights=operation.name in weighted,
                quantisable=operation.name in weighted,
            )
        )
    return tuple(found)


def constant_bytes(block: Block) -> dict[str, int]:
    """Return what each operation's constants take in the file, compressed or not: bytes by operation."""
    sizes: dict[str, int] = {}
    found: dict[str, int] = {}
    for operation in block.operations:
        if operation.type == "const":
            sizes[operation.name] = _bytes(operation.outputs[0].type)
            continue
        total = sum(_given(one, sizes) for argument in operation.arguments.values() for one in argument)
        if operation.type.startswith("constexpr_"):
            sizes.update({value.name: total for value in operation.outputs})
        else:
            found[operation.name] = total
    return found


def _given(binding: Ref | Literal, sizes: Mapping[str, int]) -> int:
    if isinstance(binding, Ref):
        return sizes.get(binding.name, 0)
    return _bytes(value_type(binding.message.type, "a literal"))


def _is_weight(declared: ValueType, least: int) -> bool:
    return (
        isinstance(declared, TensorType)
        and declared.dtype in FLOATS
        and len(declared.shape) > 1
        and _elements(declared) > least
    )


def _bytes(declared: ValueType) -> int:
    if not isinstance(declared, TensorType) or declared.dtype == STRING:
        return 0
    return (_elements(declared) * BY_NAME[declared.dtype].bits + 7) // 8


def _elements(declared: TensorType) -> int:
    return math.prod(size or 0 for size in declared.shape)
