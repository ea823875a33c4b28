"""Elements of 1 to 8 bits out of bytes, as iOS16's compressed weights hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def unpack_bits(packed: Tensor, bits: int, count: int) -> Tensor:
    """The first `count` elements of `bits` bits each.

    Args:
        packed: uint8, 1-D, as many bytes as the elements need. Elements follow each other from the least significant
            bit up; one that does not fit into its byte goes on in the low bits of the next.
        bits: 1 to 8.
        count: how many; the bits after them are ignored.

    Returns:
        uint8, (count,).

    Raises:
        ValueError: there are fewer bytes, or more. No memory was taken for the elements.
    """
    import torch

    needed = -(-count * bits // 8)
    if packed.numel() != needed:
        raise ValueError(f"{count:,} elements of {bits} bits are {needed:,} bytes, found {packed.numel():,}")
    # `bits` bytes hold 8 elements, each in one byte or in two neighbours.
    groups = -(-count // 8)
    rows = torch.zeros(groups * bits + 1, dtype=torch.uint8)
    rows[:needed] = packed
    low, high = rows[:-1].reshape(groups, bits), rows[1:].reshape(groups, bits)
    elements = torch.empty(groups, 8, dtype=torch.uint8)
    for at in range(8):
        byte, shift = divmod(at * bits, 8)
        both = low[:, byte].int() | (high[:, byte].int() << 8)
        elements[:, at] = ((both >> shift) & ((1 << bits) - 1)).to(torch.uint8)
    return elements.reshape(-1)[:count]
