"""Declared types of a program's values, read from MIL's protobuf and checked before anything is made of their size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from edgesmith import UserError
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.dtypes import BY_NUMBER, STRING, STRING_NUMBER

MAX_ELEMENTS = 1 << 31
"""The largest tensor that a program may declare: 8 GiB of float32."""

_MAX_RANK = 64


@dataclass(frozen=True)
class ListType:
    """A list of values of one type."""

    element: ValueType


@dataclass(frozen=True)
class DictionaryType:
    """A map, such as a classifier's probabilities by label."""

    key: ValueType
    value: ValueType


@dataclass(frozen=True)
class StateType:
    """A tensor that outlives a run."""

    tensor: TensorType


ValueType: TypeAlias = TensorType | ListType | DictionaryType | StateType


def value_type(message: Any, where: str) -> ValueType:
    """Read a `ValueType` message.

    Args:
        message: the message.
        where: what has this type, for errors.

    Raises:
        UserError: a dtype that is not known, a shape that contradicts itself or is too large, or a kind of type that
            programs of coremltools don't have.
    """
    kind = message.WhichOneof("type")
    if kind == "tensorType":
        return tensor_type(message.tensorType, where)
    if kind == "listType":
        return ListType(value_type(message.listType.type, where))
    if kind == "dictionaryType":
        held = message.dictionaryType
        return DictionaryType(value_type(held.keyType, where), value_type(held.valueType, where))
    if kind == "stateType":
        wrapped = value_type(message.stateType.wrappedType, where)
        if isinstance(wrapped, TensorType) and wrapped.dtype != STRING and None not in wrapped.shape:
            return StateType(wrapped)
        raise UserError(f"the program is damaged: {where} is a state without a fixed tensor type")
    raise UserError(f"the program is damaged: {where} has {f'the type {kind}' if kind else 'no type'}")


def tensor_type(message: Any, where: str) -> TensorType:
    """Read a `TensorType` message; errors as in `value_type`."""
    number = message.dataType
    if number != STRING_NUMBER and number not in BY_NUMBER:
        raise UserError(f"the program is damaged: {where} has an element type of number {number}, which is not known")
    if message.rank != len(message.dimensions) or message.rank > _MAX_RANK:
        raise UserError(
            f"the program is damaged: {where} has rank {message.rank} and {len(message.dimensions)} dimensions"
        )
    shape = tuple(_dimension(one, where) for one in message.dimensions)
    known = math.prod(size for size in shape if size is not None)
    if known > MAX_ELEMENTS or any(size is not None and size > MAX_ELEMENTS for size in shape):
        raise UserError(
            f"{where} is declared with the shape {describe(shape)}, more than the {MAX_ELEMENTS:,} elements that a "
            "tensor may have here",
            hint="the package is damaged, or made for larger inputs than can be run",
        )
    return TensorType(STRING if number == STRING_NUMBER else BY_NUMBER[number].name, shape)


def _dimension(message: Any, where: str) -> int | None:
    if message.WhichOneof("dimension") == "constant":
        return int(message.constant.size)
    if message.WhichOneof("dimension") == "unknown" and not message.unknown.variadic:
        return None
    raise UserError(f"{where} is declared with an open rank, which is not supported", hint="export with a fixed rank")


def describe(shape: tuple[int | None, ...]) -> str:
    """Write a shape as [1, 3, ?, ?]."""
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"
