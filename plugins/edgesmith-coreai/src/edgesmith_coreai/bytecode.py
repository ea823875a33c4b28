"""Give the weights in an MLIR bytecode file names that don't change from run to run.

The compiler names each weight `resource_HASH` by a hash that is seeded per process, so that equal programs are unequal
bytes. The names stand in the file's string section and nowhere else; everything else refers to them by place. The
container's format is MLIR's own: https://mlir.llvm.org/docs/BytecodeFormat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAGIC = b"ML\xefR"
STRINGS = 0
"""The id of the string section."""

ALIGNED = 0x80
"""Flag in a section's id byte: its content begins at a multiple of an alignment, and padding goes before it."""

_SEEDED = re.compile(rb"resource_\d+")


def stable(content: bytes) -> bytes:
    """Return the file with its weights named `resource_0`, `resource_1` and so on, in the order of their mention.

    Raises:
        ValueError: this is no MLIR bytecode, or it is laid out in a way that this function can't keep.
    """
    if not content.startswith(MAGIC):
        raise ValueError("not MLIR bytecode")
    _, place = read_varint(content, len(MAGIC))
    place = content.index(b"\0", place) + 1
    for begin, identifier, data, end in _sections(content, place):
        if identifier != STRINGS:
            continue
        if any(later & ALIGNED for _, later, _, _ in _sections(content, end)):
            raise ValueError("an aligned section follows the strings")
        strings = _renamed(content[data:end])
        return content[:begin] + bytes([STRINGS]) + write_varint(len(strings)) + strings + content[end:]
    raise ValueError("there is no string section")


def _sections(content: bytes, place: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield each section's begin, id byte, begin of its content, and end."""
    while place < len(content):
        begin, identifier = place, content[place]
        length, place = read_varint(content, place + 1)
        if identifier & ALIGNED:
            alignment, place = read_varint(content, place)
            place += -place % alignment
        yield begin, identifier, place, place + length
        place += length
    if place != len(content):
        raise ValueError("a section is cut off")


def _renamed(section: bytes) -> bytes:
    """Rename in a string section: a count, lengths from last to first, zero-ended strings from first to last."""
    count, place = read_varint(section, 0)
    for _ in range(count):
        _, place = read_varint(section, place)
    strings = section[place:].split(b"\0")[:-1]
    if len(strings) != count:
        raise ValueError("a string holds a zero")
    seeded = (index for index, text in enumerate(strings) if _SEEDED.fullmatch(text))
    for number, index in enumerate(seeded):
        strings[index] = b"resource_%d" % number
    lengths = b"".join(write_varint(len(text) + 1) for text in reversed(strings))
    return write_varint(count) + lengths + b"".join(text + b"\0" for text in strings)


def read_varint(content: bytes, place: int) -> tuple[int, int]:
    """Read MLIR's prefix varint: how many zero bits lie below the lowest one bit is how many bytes follow the first.

    Returns:
        The value, and the place behind it.
    """
    first = content[place]
    size = (first & -first).bit_length() if first else 9
    # A first byte of zero is followed by a value of eight whole bytes.
    value = int.from_bytes(content[place : place + size], "little") >> min(size, 8)
    return value, place + size


def write_varint(value: int) -> bytes:
    """Write a prefix varint in as few bytes as it takes; `value` is below 2**56."""
    size = max(1, -(-value.bit_length() // 7))
    return (value << size | 1 << (size - 1)).to_bytes(size, "little")
