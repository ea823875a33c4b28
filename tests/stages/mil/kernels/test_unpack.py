"""Elements of a few bits out of bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgesmith_stages.mil.kernels.unpack import unpack_bits


def test_the_lowest_bits_are_the_first_element() -> None:
    packed = torch.tensor([0b01_10_11_00, 0b11], dtype=torch.uint8)
    assert unpack_bits(packed, 2, 5).tolist() == [0, 3, 2, 1, 3]


def test_an_element_goes_on_in_the_next_byte() -> None:
    assert unpack_bits(torch.tensor([0b11_000001, 0b0000_1010], dtype=torch.uint8), 6, 2).tolist() == [1, 0b101011]


def test_nothing() -> None:
    assert unpack_bits(torch.empty(0, dtype=torch.uint8), 4, 0).shape == (0,)


@pytest.mark.parametrize(("size", "count"), [(3, 5), (1, 5), (0, 5), (2, 1 << 50), (1, -8)])
def test_bytes_that_are_missing_are_not_made_up(size: int, count: int) -> None:
    """Nor is memory taken for what a damaged program says that there is."""
    with pytest.raises(ValueError, match=rf"elements of 2 bits are [0-9,-]+ bytes, found {size}"):
        unpack_bits(torch.zeros(size, dtype=torch.uint8), 2, count)


@given(st.integers(1, 8), st.data())
def test_what_numpy_packed_comes_back(bits: int, data: st.DataObject) -> None:
    elements = np.array(data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=40)), dtype=np.uint8)
    rows = np.unpackbits(elements[:, None], axis=1, bitorder="little")[:, :bits]
    packed = torch.from_numpy(np.packbits(rows.reshape(-1), bitorder="little"))
    assert unpack_bits(packed, bits, len(elements)).tolist() == elements.tolist()
