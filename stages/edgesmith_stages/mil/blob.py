"""Read Core ML's blob files (storage format 2), the weights of a package.

A file is a header of 64 bytes, then blobs: 64 bytes of metadata each, and the data they point at. All numbers are
little-endian. A program names a blob by the offset of its metadata.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from edgesmith import UserError
from edgesmith_stages.mil.dtypes import DType

if TYPE_CHECKING:
    from torch import Tensor

_HEADER = struct.Struct("<II56x")
_METADATA = struct.Struct("<IIQQ40x")
_SENTINEL = 0xDEADBEEF
_VERSION = 2


class BlobFile:
    """A blob file, mapped into memory: what is not read is not loaded.

    Args:
        file: the file.

    Raises:
        UserError: it is no blob file of version 2.
    """

    def __init__(self, file: Path) -> None:
        self.name = file.name
        with file.open("rb") as opened:
            self.size = file.stat().st_size
            if self.size < _HEADER.size:
                raise self._broken(f"it has {self.size} bytes, fewer than its header")
            # A private copy-on-write map: torch wants memory that it could write to.
            self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
        _, version = _HEADER.unpack_from(self._map)
        if version != _VERSION:
            raise self._broken(f"its version is {version}, expected {_VERSION}")

    def read(self, offset: int, dtype: DType, count: int) -> Tensor:
        """Read a blob.

        Args:
            offset: of its metadata.
            dtype: what the program declares.
            count: how many elements the program declares.

        Returns:
            A 1-D tensor of `dtype.stored`; sub-byte elements unpacked, one to a byte; the rest without a copy.

        Raises:
            UserError: the metadata or the data are out of the file, or other than declared.
        """
        if offset + _METADATA.size > self.size:
            raise self._broken(f"a blob's metadata at {offset} is past its end at {self.size}: it is cut short")
        sentinel, code, size, start = _METADATA.unpack_from(self._map, offset)
        if sentinel != _SENTINEL:
            raise self._broken(f"there is no blob at {offset}")
        if code != dtype.blob:
            raise self._broken(f"the blob at {offset} is of type {code}, the program declares {dtype.name}")
        if size != (count * dtype.bits + 7) // 8:
            raise self._broken(f"the blob at {offset} has {size} bytes, the program declares {count} of {dtype.name}")
        if start + size > self.size:
            raise self._broken(f"the blob at {offset} ends at {start + size}, past the file's end at {self.size}")
        data = memoryview(self._map)[start : start + size]
        return unpack(data if start % 8 == 0 else bytes(data), dtype, count)

    def _broken(self, what: str) -> UserError:
        return UserError(
            f"the weight file {self.name} is damaged: {what}", hint="export the model again, or copy the package again"
        )


def unpack(data: memoryview | bytes | bytearray, dtype: DType, count: int) -> Tensor:
    """Turn packed little-endian elements into a 1-D tensor of `dtype.stored`, with `count` elements.

    Args:
        data: as many bytes as `count` elements need.
        dtype: their type.
        count: how many.
    """
    import numpy as np
    import torch

    if count == 0:
        return torch.empty(0, dtype=dtype.stored_dtype)
    if dtype.bits >= 8:
        writable = data if isinstance(data, memoryview) and not data.readonly else bytearray(data)
        return torch.frombuffer(writable, dtype=dtype.stored_dtype, count=count)
    packed = np.frombuffer(data, np.uint8)
    bits = np.unpackbits(packed, count=count * dtype.bits, bitorder="little").reshape(count, dtype.bits)
    values = np.packbits(bits, axis=1, bitorder="little")[:, 0]
    if dtype.signed:
        high = 1 << (dtype.bits - 1)
        values = ((values ^ high).astype(np.int16) - high).astype(np.int8)
    return torch.from_numpy(values)
