"""quantize and dequantize: rounding, saturation, axes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.mil.kernels.quantization import dequantize, quantize

from .calls import run


def test_halves_are_rounded_to_even_and_the_rest_saturates() -> None:
    y = run(quantize, input=[0.5, 1.5, 2.5, -0.5, -1.5, 1000.0, -1000.0], scale=1.0, output_dtype="int8")
    assert y.dtype == torch.int8
    assert y.tolist() == [0, 2, 2, 0, -2, 127, -128]


def test_the_zero_point_is_added_after_rounding() -> None:
    zero = torch.tensor(1, dtype=torch.uint8)
    y = run(quantize, input=[0.5, 1.5, -5.0], scale=1.0, zero_point=zero, output_dtype="uint8")
    assert y.dtype == torch.uint8
    assert y.tolist() == [1, 3, 0]


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("name", ["int8", "uint8"])
def test_by_channel(axis: int, name: str) -> None:
    numbers = np.random.default_rng(0)
    x, scale, zero = numbers.normal(size=(3, 3, 3)), numbers.random(3) / 10 + 0.01, np.array([3, 100, 7], dtype=name)
    given = {"scale": scale, "zero_point": zero, "axis": axis, "compute": torch.float64}
    y = run(quantize, input=x, output_dtype=name, **given).numpy()
    back = run(dequantize, input=y, **given).numpy()
    limits = np.iinfo(name)
    for channel in range(3):
        ours, theirs, reals = (np.take(one, channel, axis) for one in (y, x, back))
        levels = np.clip(np.rint(theirs / scale[channel]) + int(zero[channel]), limits.min, limits.max)
        assert np.array_equal(ours, levels)
        np.testing.assert_allclose(reals, scale[channel] * (levels - int(zero[channel])), atol=1e-12)


def test_uint8_minus_its_zero_point_does_not_wrap() -> None:
    data, zero = torch.tensor([0, 255], dtype=torch.uint8), torch.tensor(200, dtype=torch.uint8)
    assert run(dequantize, input=data, zero_point=zero, scale=0.5).tolist() == [-100.0, 27.5]


def test_without_a_zero_point() -> None:
    assert run(dequantize, input=torch.tensor([-3], dtype=torch.int8), scale=2.0).tolist() == [-6.0]


@pytest.mark.parametrize("compute", [torch.float16, torch.float32, torch.float64])
def test_every_level_survives_a_round_trip(compute: torch.dtype) -> None:
    levels = torch.arange(-128, 128, dtype=torch.int8)
    back = run(
        quantize, input=run(dequantize, input=levels, scale=0.125), scale=0.125, output_dtype="int8", compute=compute
    )
    assert np.array_equal(back.numpy(), levels.numpy())


def test_an_unknown_dtype_is_named() -> None:
    with pytest.raises(UserError, match="unknown output_dtype 'int4'; did you mean 'int8'"):
        run(quantize, input=[1.0], scale=1.0, output_dtype="int4")
