"""Where `pad_type` puts the padding."""

from __future__ import annotations

import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.mil.kernels.padding import padded, spatial_padding

from .calls import call


@pytest.mark.parametrize(
    ("pad_type", "size", "taps", "stride", "expected"),
    [
        ("valid", 7, 3, 1, [0, 0]),
        ("same", 7, 3, 1, [1, 1]),
        ("same", 7, 4, 1, [1, 2]),
        ("same_lower", 7, 4, 1, [2, 1]),
        ("same", 8, 3, 2, [0, 1]),
        ("same_lower", 8, 3, 2, [1, 0]),
        ("same", 7, 3, 2, [1, 1]),
        ("same", 7, 1, 3, [0, 0]),
        ("custom", 7, 3, 2, [2, 5]),
    ],
)
def test_pad_type(pad_type: str, size: int, taps: int, stride: int, expected: list[int]) -> None:
    given = call("conv", pad_type=pad_type, pad=[2, 5])
    assert spatial_padding(given, [size], [taps], [stride], [1]) == expected


def test_a_dilated_kernel_counts_with_its_gaps() -> None:
    assert spatial_padding(call("conv", pad_type="same"), [9], [3], [1], [3]) == [3, 3]


def test_without_a_pad_type_nothing_is_padded() -> None:
    assert spatial_padding(call("conv"), [9, 9], [3, 3], [1, 1], [1, 1]) == [0, 0, 0, 0]


def test_an_unknown_pad_type_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'same_lower'"):
        spatial_padding(call("conv", pad_type="same_lowr"), [9], [3], [1], [1])


def test_the_first_pair_is_of_the_first_spatial_dimension() -> None:
    assert padded(torch.zeros(1, 1, 2, 2), [1, 2, 0, 5]).shape == (1, 1, 5, 7)
    assert padded(torch.arange(4.0).reshape(1, 1, 4), [-1, 1], value=9.0).tolist() == [[[1.0, 2.0, 3.0, 9.0]]]
