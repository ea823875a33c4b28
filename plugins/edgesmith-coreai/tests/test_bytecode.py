"""Names of weights in MLIR bytecode, on files made by hand."""

from __future__ import annotations

import pytest
from edgesmith_coreai.bytecode import ALIGNED, MAGIC, STRINGS, read_varint, stable, write_varint

VALUES = [0, 1, 127, 128, 16_383, 16_384, 2**35, 2**56 - 1]


@pytest.mark.parametrize("value", VALUES)
def test_numbers_are_read_as_they_were_written(value):
    written = write_varint(value)
    assert read_varint(b"??" + written, 2) == (value, 2 + len(written))


def test_numbers_are_written_as_mlir_writes_them():
    assert [write_varint(value) for value in (0, 127, 128)] == [b"\x01", b"\xff", b"\x02\x02"]
    assert read_varint(b"\x00" + (2**63).to_bytes(8, "little"), 0) == (2**63, 9)


def test_weights_are_named_in_the_order_of_their_mention():
    before = program(strings("main", "resource_98765", "image", "resource_4"))
    assert stable(before) == program(strings("main", "resource_0", "image", "resource_1"))


def test_a_stable_file_stays_as_it_is():
    once = stable(program(strings("resource_98765", "resource_4")))
    assert stable(once) == once


def test_names_that_only_look_alike_are_kept():
    kept = program(strings("resource_", "resource_1_scale", "a resource_1"))
    assert stable(kept) == kept


def test_aligned_sections_before_the_strings_are_kept():
    weights = bytes([4 | ALIGNED]) + write_varint(3) + write_varint(16)
    head = MAGIC + write_varint(6) + b"MLIR22\0"
    padding = b"\xcb" * (-(len(head) + len(weights)) % 16)
    before = head + weights + padding + b"abc" + section(STRINGS, strings("resource_98765"))
    assert stable(before) == head + weights + padding + b"abc" + section(STRINGS, strings("resource_0"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04", "not MLIR bytecode"),
        (MAGIC + write_varint(6) + b"MLIR22\0", "no string section"),
        (MAGIC + write_varint(6) + b"MLIR22\0" + bytes([1]) + write_varint(9), "cut off"),
    ],
)
def test_what_it_cannot_keep_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        stable(content)


def test_an_aligned_section_after_the_strings_is_refused():
    content = program(strings("main"))
    with pytest.raises(ValueError, match="aligned section follows"):
        stable(content + bytes([5 | ALIGNED]) + write_varint(0) + write_varint(1))


def strings(*names: str) -> bytes:
    """A string section's content."""
    lengths = b"".join(write_varint(len(name) + 1) for name in reversed(names))
    return write_varint(len(names)) + lengths + b"".join(name.encode() + b"\0" for name in names)


def section(identifier: int, content: bytes) -> bytes:
    """A section without alignment."""
    return bytes([identifier]) + write_varint(len(content)) + content


def program(content: bytes) -> bytes:
    """A file with two sections around its strings."""
    head = MAGIC + write_varint(6) + b"MLIR22\0"
    return head + section(1, b"dialects") + section(STRINGS, content) + section(8, b"properties")
