"""MIL's element types: their names, their numbers in the file formats, and what holds them here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import torch

Mode: TypeAlias = Literal["declared", "fp32", "fp64", "fp16"]

HELD_FLOAT: Mapping[str, str] = {"declared": "float32", "fp32": "float32", "fp64": "float64", "fp16": "float16"}
"""The torch dtype that holds every float in a mode."""


@dataclass(frozen=True)
class DType:
    """An element type.

    Attributes:
        name: MIL's name.
        number: MIL.proto's `DataType`.
        blob: the blob file's type code, or None where it can't be in one.
        bits: of one element in a file; elements narrower than a byte are packed, the first in the lowest bits.
        stored: torch's dtype of an element as read; sub-byte elements are unpacked into it.
        held: torch's dtype while the program runs; None for floats, which the mode decides. torch has hardly a kernel
            for unsigned integers of two bytes and more.
    """

    name: str
    number: int
    blob: int | None
    bits: int
    stored: str
    held: str | None

    @property
    def is_float(self) -> bool:
        """Whether it is a floating-point type."""
        return self.held is None

    @property
    def signed(self) -> bool:
        """Whether an integer type has negative numbers."""
        return self.name.startswith("int")

    @property
    def in_numpy(self) -> bool:
        """Whether numpy has it, by its own or a wider integer type."""
        return self.name not in ("bf16", "fp8e4m3fn", "fp8e5m2")

    @property
    def stored_dtype(self) -> torch.dtype:
        """`stored` as torch's object."""
        import torch

        found: torch.dtype = getattr(torch, self.stored)
        return found


STRING = "string"
STRING_NUMBER = 2

_ALL = (
    DType("bool", 1, None, 8, "bool", "bool"),
    DType("fp16", 10, 1, 16, "float16", None),
    DType("fp32", 11, 2, 32, "float32", None),
    DType("fp64", 12, None, 64, "float64", None),
    DType("bf16", 13, 5, 16, "bfloat16", None),
    DType("fp8e4m3fn", 40, 16, 8, "float8_e4m3fn", None),
    DType("fp8e5m2", 41, 17, 8, "float8_e5m2", None),
    DType("int4", 25, 8, 4, "int8", "int8"),
    DType("int8", 21, 4, 8, "int8", "int8"),
    DType("int16", 22, 6, 16, "int16", "int16"),
    DType("int32", 23, 14, 32, "int32", "int32"),
    DType("int64", 24, None, 64, "int64", "int64"),
    DType("uint1", 37, 9, 1, "uint8", "uint8"),
    DType("uint2", 36, 10, 2, "uint8", "uint8"),
    DType("uint3", 39, 12, 3, "uint8", "uint8"),
    DType("uint4", 35, 11, 4, "uint8", "uint8"),
    DType("uint6", 38, 13, 6, "uint8", "uint8"),
    DType("uint8", 31, 3, 8, "uint8", "uint8"),
    DType("uint16", 32, 7, 16, "uint16", "int32"),
    DType("uint32", 33, 15, 32, "uint32", "int64"),
    DType("uint64", 34, None, 64, "uint64", "int64"),
)

BY_NAME: Mapping[str, DType] = {one.name: one for one in _ALL}
BY_NUMBER: Mapping[int, DType] = {one.number: one for one in _ALL}


def held(name: str, mode: str) -> torch.dtype:
    """Return the torch dtype in which a value of MIL's dtype `name` is held in a mode."""
    import torch

    found: torch.dtype = getattr(torch, BY_NAME[name].held or HELD_FLOAT[mode])
    return found
