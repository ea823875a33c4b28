"""Decode a program's constants: values within the specification, and references to blob files."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith_stages.mil.blob import BlobFile, unpack
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.dtypes import BY_NAME, STRING
from edgesmith_stages.mil.package import Package
from edgesmith_stages.mil.valuetypes import value_type

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_IN_FIELDS = {
    "fp32": "floats",
    "fp64": "doubles",
    "bool": "bools",
    "int16": "ints",
    "uint16": "ints",
    "int32": "ints",
    "uint32": "ints",
    "int64": "longInts",
    "uint64": "longInts",
}
"""The field of a `TensorValue` that holds a dtype's elements; those not named here are packed in `bytes`."""

_IN_EITHER = ("int16", "uint16", "uint32")
"""What different versions of coremltools put into a field of numbers or into `bytes`."""


class Constants:
    """Decodes the constants of one package.

    Args:
        package: where blob files are found.
        held: the torch dtype in which a value of a MIL dtype is held.
    """

    def __init__(self, package: Package, held: Callable[[str], torch.dtype]) -> None:
        self._package = package
        self._held = held
        self._files: dict[str, BlobFile] = {}

    def decode(self, value: Any, where: str) -> Any:
        """Decode a `Value` message.

        Args:
            value: the message.
            where: whose value it is, for errors.

        Returns:
            A tensor of the held dtype and the declared shape; a str for a string scalar; a list for string tensors and
            MIL lists; a dict for dictionaries.

        Raises:
            UserError: it is damaged: no type, another number of elements than declared, a missing or damaged blob.
        """
        kind = value.WhichOneof("value")
        if kind == "immediateValue":
            held = value.immediateValue.WhichOneof("value")
            if held == "list":
                return [self._scalar(one, where) for one in value.immediateValue.list.values]
            if held == "dictionary":
                pairs = value.immediateValue.dictionary.values
                return {self._scalar(pair.key, where): self.decode(pair.value, where) for pair in pairs}
            if held != "tensor":
                raise _broken(where, f"its value is a {held}" if held else "it has no value")
        declared = value_type(value.type, where)
        if not isinstance(declared, TensorType) or None in declared.shape:
            raise _broken(where, "its type is no tensor of known shape")
        if kind == "immediateValue":
            return self._immediate(value.immediateValue.tensor, declared, where)
        if kind != "blobFileValue":
            raise _broken(where, "it has no value")
        return self._from_file(value.blobFileValue, declared, where)

    def _scalar(self, value: Any, where: str) -> Any:
        decoded = self.decode(value, where)
        return decoded if isinstance(decoded, str) else decoded.item() if _is_scalar(decoded) else decoded

    def _immediate(self, message: Any, declared: TensorType, where: str) -> Any:
        import torch

        count = _count(declared)
        found = message.WhichOneof("value")
        wanted = "strings" if declared.dtype == STRING else _IN_FIELDS.get(declared.dtype, "bytes")
        if found == "bytes" and declared.dtype in _IN_EITHER:
            wanted = "bytes"
        if found != wanted and not (found is None and count == 0):
            raise _broken(where, f"its elements are in {found}, expected {wanted} for {declared.dtype}")
        elements = getattr(message, wanted).values
        if declared.dtype == STRING:
            if len(elements) != count:
                raise _broken(where, f"it has {len(elements)} strings, its type {count}")
            return str(elements[0]) if not declared.shape else [str(one) for one in elements]
        dtype = BY_NAME[declared.dtype]
        size = (count * dtype.bits + 7) // 8 if wanted == "bytes" else count
        if len(elements) != size:
            raise _broken(where, f"it has {len(elements)} {'bytes' if wanted == 'bytes' else 'elements'}, needs {size}")
        if wanted == "bytes":
            return self._hold(unpack(elements, dtype, count), declared)
        if dtype.is_float or dtype.name == "bool":
            return self._hold(torch.tensor(elements, dtype=dtype.stored_dtype), declared)
        # Unsigned numbers are written as the signed ones with the same bits.
        numbers = torch.tensor(elements, dtype=torch.int64)
        return self._hold(numbers if dtype.signed or dtype.bits == 64 else numbers % (1 << dtype.bits), declared)

    def _from_file(self, message: Any, declared: TensorType, where: str) -> Tensor:
        dtype = BY_NAME.get(declared.dtype)
        if dtype is None or dtype.blob is None:
            raise _broken(where, f"it is {declared.dtype} in a weight file, which cannot be")
        name = message.fileName
        if name not in self._files:
            self._files[name] = BlobFile(self._package.weight_file(name))
        return self._hold(self._files[name].read(message.offset, dtype, _count(declared)), declared)

    def _hold(self, elements: Tensor, declared: TensorType) -> Tensor:
        return elements.to(self._held(declared.dtype)).reshape(declared.shape)


def _count(declared: TensorType) -> int:
    return math.prod(size for size in declared.shape if size is not None)


def _is_scalar(value: Any) -> bool:
    return getattr(value, "ndim", None) == 0


def _broken(where: str, what: str) -> UserError:
    return UserError(f"the program is damaged: the constant of {where}: {what}", hint="export the model again")
