"""Blob files, against bytes laid out by hand and against coremltools' own writer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import UserError
from edgesmith_stages.mil.blob import BlobFile, unpack
from edgesmith_stages.mil.dtypes import BY_NAME

from .packages import blob_file

WHOLE = {"fp16": "f2", "fp32": "f4", "int8": "i1", "int16": "i2", "int32": "i4", "uint8": "u1", "uint16": "u2"}
PACKED = ["int4", "uint1", "uint2", "uint3", "uint4", "uint6"]


def opened(folder: Path, content: bytes) -> BlobFile:
    file = folder / "weight.bin"
    file.write_bytes(content)
    return BlobFile(file)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_bytes(tmp_path: Path, name: str) -> None:
    """Elements of one byte and more."""
    wanted = np.random.default_rng(0).integers(0, 100, 21).astype(WHOLE[name])
    content, (_, offset) = blob_file(("uint8", b"other"), (name, wanted.tobytes()))
    found = opened(tmp_path, content).read(offset, BY_NAME[name], 21)
    assert found.dtype == BY_NAME[name].stored_dtype
    np.testing.assert_array_equal(found.numpy(), wanted)


@pytest.mark.parametrize("name", ["bf16", "fp8e4m3fn", "fp8e5m2"])
def test_floats_without_numpy(tmp_path: Path, name: str) -> None:
    """torch has them."""
    wanted = torch.tensor([1.5, -0.25, 448, 0]).to(BY_NAME[name].stored_dtype)
    content, (offset,) = blob_file((name, wanted.view(torch.uint8).numpy().tobytes()))
    found = opened(tmp_path, content).read(offset, BY_NAME[name], 4)
    assert found.float().tolist() == wanted.float().tolist()


@pytest.mark.parametrize("name", PACKED)
@given(count=st.integers(0, 40), seed=st.integers(0, 99))
def test_packed_elements(name: str, count: int, seed: int) -> None:
    """The first element is in the lowest bits of the first byte; elements run across bytes."""
    dtype = BY_NAME[name]
    low = -(1 << (dtype.bits - 1)) if dtype.signed else 0
    numbers = np.random.default_rng(seed).integers(low, low + (1 << dtype.bits), count)
    joined = sum(int(number) % (1 << dtype.bits) << (place * dtype.bits) for place, number in enumerate(numbers))
    data = joined.to_bytes((count * dtype.bits + 7) // 8, "little")
    found = unpack(data, dtype, count)
    assert found.dtype == dtype.stored_dtype
    assert found.tolist() == numbers.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*WHOLE, *PACKED, "uint32"])
def test_what_coremltools_writes(tmp_path: Path, name: str) -> None:
    """Its own writer is the reference for layout, type codes and packing."""
    from coremltools.converters.mil.mil import types
    from coremltools.libmilstoragepython import _BlobStorageWriter

    dtype = BY_NAME[name]
    low = 0 if name.startswith("uint") else -(1 << min(dtype.bits, 8) - 1)
    wanted = np.random.default_rng(1).integers(low, low + (1 << min(dtype.bits, 8)), 77)
    written = wanted.astype(types.nptype_from_builtin(getattr(types, name)))
    if name == "fp16":
        written = wanted.astype("f2").view("u2")
    writer = _BlobStorageWriter(str(tmp_path / "weight.bin"))
    method = {"fp32": "float"}.get(name, name)
    writer.write_int8_data(np.zeros(3, np.int8))
    offset = getattr(writer, f"write_{method}_data")(written)
    del writer
    found = BlobFile(tmp_path / "weight.bin").read(offset, dtype, 77)
    assert found.tolist() == wanted.tolist()


def sound() -> tuple[bytes, int]:
    content, (offset,) = blob_file(("fp32", bytes(40)))
    return content, offset


def patched(content: bytes, place: int, new: int) -> bytes:
    return content[:place] + new.to_bytes(8, "little") + content[place + 8 :]


DAMAGE: dict[str, Callable[[bytes, int], bytes]] = {
    "fewer than its header": lambda content, offset: content[:20],
    "its version is 1": lambda content, offset: patched(content, 0, 1 << 32),
    "cut short": lambda content, offset: content[: offset + 10],
    "there is no blob": lambda content, offset: patched(content, offset, 7),
    "is of type 3, the program declares fp32": lambda content, offset: patched(content, offset, 3 << 32 | 0xDEADBEEF),
    r"has 2199023255552 bytes, the program declares 10 of fp32": lambda content, offset: patched(
        content, offset + 8, 1 << 41
    ),
    "past the file's end": lambda content, offset: patched(content, offset + 16, (1 << 64) - 1),
    r"ends at 168, past the file's end at 167": lambda content, offset: content[:-1],
}


@pytest.mark.parametrize("message", DAMAGE)
def test_damage(tmp_path: Path, message: str) -> None:
    """Every number in the file is checked before it is used."""
    content, offset = sound()
    with pytest.raises(UserError, match=message):
        opened(tmp_path, DAMAGE[message](content, offset)).read(offset, BY_NAME["fp32"], 10)


def test_absurd_requests(tmp_path: Path) -> None:
    """A program's offset or size that the file doesn't have."""
    content, offset = sound()
    file = opened(tmp_path, content)
    with pytest.raises(UserError, match="past its end"):
        file.read((1 << 64) - 1, BY_NAME["fp32"], 10)
    with pytest.raises(UserError, match="the program declares"):
        file.read(offset, BY_NAME["fp32"], 1 << 60)


def test_reading_does_not_copy(tmp_path: Path) -> None:
    """The file is mapped: two reads are one memory, and writing to it leaves the file alone."""
    content, offset = sound()
    file = opened(tmp_path, content)
    one, other = (file.read(offset, BY_NAME["fp32"], 10) for _ in range(2))
    one[0] = 5
    assert other[0] == 5
    assert (tmp_path / "weight.bin").read_bytes() == content
