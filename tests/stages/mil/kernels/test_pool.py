"""Pools, against loops over their windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesmith_stages.mil.kernels.pool import avg_pool, l2_pool, max_pool

from .calls import run


def windows_of(size: int, taps: int, stride: int, before: int, after: int, ceil: bool) -> list[tuple[int, int]]:
    """First and last + 1 of each window, in coordinates of the input; what the MIL reference says of sizes."""
    room = size + before + after - taps
    count = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and before + after > 0 and (count - 1) * stride >= size + before:
        count -= 1
    return [(at * stride - before, at * stride - before + taps) for at in range(count)]


@st.composite
def settings_of_a_pool(draw: st.DrawFn) -> dict[str, Any]:
    spatial = draw(st.integers(1, 3))
    ceil = draw(st.booleans())

    def each(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=spatial, max_size=spatial))

    taps = each(2, 4)
    before = [draw(st.integers(0, size // 2)) for size in taps]
    # ceil_mode wants equal sides.
    after = before if ceil else [draw(st.integers(0, size // 2)) for size in taps]
    return {"sizes": each(4, 9), "taps": taps, "strides": each(1, 4), "before": before, "after": after, "ceil": ceil}


@settings(max_examples=80, deadline=None, derandomize=True)
@given(settings_of_a_pool(), st.booleans())
def test_pools_in_all_their_settings(chosen: dict[str, Any], exclude: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, *chosen["sizes"]))
    sides = zip(chosen["sizes"], chosen["taps"], chosen["strides"], chosen["before"], chosen["after"], strict=True)
    axes = [windows_of(*side, chosen["ceil"]) for side in sides]
    shape = (2, 3, *(len(windows) for windows in axes))
    largest, mean, norm = np.empty(shape), np.empty(shape), np.empty(shape)
    for at in np.ndindex(*shape[2:]):
        spans = [windows[index] for windows, index in zip(axes, at, strict=True)]
        inside = tuple(slice(max(0, first), last) for first, last in spans)
        values = x[(slice(None), slice(None), *inside)].reshape(2, 3, -1)
        # Padding is counted, what lies past it is not.
        counted = [
            min(last, size + after) - first
            for (first, last), size, after in zip(spans, chosen["sizes"], chosen["after"], strict=True)
        ]
        empty = values.shape[-1] == 0
        largest[(..., *at)] = -np.inf if empty else values.max(-1)
        mean[(..., *at)] = values.sum(-1) / max(1, values.shape[-1] if exclude else np.prod(np.maximum(counted, 0)))
        norm[(..., *at)] = np.sqrt((values**2).sum(-1))
    given = {
        "x": x,
        "kernel_sizes": chosen["taps"],
        "strides": chosen["strides"],
        "pad_type": "custom",
        "pad": [side for pair in zip(chosen["before"], chosen["after"], strict=True) for side in pair],
        "ceil_mode": chosen["ceil"],
        "compute": torch.float64,
    }
    np.testing.assert_allclose(run(max_pool, **given).numpy(), largest)
    np.testing.assert_allclose(run(l2_pool, **given).numpy(), norm, atol=1e-12)
    found = run(avg_pool, exclude_padding_from_average=exclude, **given)
    np.testing.assert_allclose(found.numpy(), mean, atol=1e-12)


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize(("size", "taps", "stride", "pad"), [(7, 3, 2, 1), (8, 3, 2, 1), (6, 2, 3, 1), (9, 4, 4, 2)])
def test_ceil_mode_is_that_of_torch(include: bool, size: int, taps: int, stride: int, pad: int) -> None:
    x = torch.randn(1, 2, size, size, generator=torch.Generator().manual_seed(0))
    given = {
        "kernel_sizes": [taps] * 2,
        "strides": [stride] * 2,
        "pad_type": "custom",
        "pad": [pad] * 4,
        "ceil_mode": True,
    }
    y = run(avg_pool, x=x, exclude_padding_from_average=not include, **given)
    torch.testing.assert_close(y, torch.nn.functional.avg_pool2d(x, taps, stride, pad, True, include))
    y = run(max_pool, x=x, **given)
    torch.testing.assert_close(y, torch.nn.functional.max_pool2d(x, taps, stride, pad, ceil_mode=True))


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [(avg_pool, [0.25, 0.75, 1, 2.5]), (max_pool, [1, 2, 3, 4]), (l2_pool, [1, 2.236068, 3.162278, 5.477226])],
)
def test_same_lower_pads_before(kernel: Any, expected: list[float]) -> None:
    """Values that Core ML gives, from coremltools' own tests."""
    y = run(kernel, x=[[[[1.0, 2.0], [3.0, 4.0]]]], kernel_sizes=[2, 2], pad_type="same_lower")
    np.testing.assert_allclose(y.flatten().numpy(), expected, rtol=1e-6)


def test_same_without_its_padding_in_the_average() -> None:
    given = {"x": [[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]], "kernel_sizes": [3], "strides": [3], "pad_type": "same"}
    assert run(avg_pool, exclude_padding_from_average=True, **given).flatten().tolist() == [1.5, 4.0, 6.5]


def test_half_averages_add_up_in_single_precision() -> None:
    y = run(avg_pool, x=np.full((1, 1, 64, 64), 100.0), kernel_sizes=[64, 64], pad_type="valid", compute=torch.float16)
    assert y.item() == 100


def test_negative_values_win_over_padding() -> None:
    y = run(max_pool, x=[[[-1.0, -2.0]]], kernel_sizes=[3], pad_type="same")
    assert y.tolist() == [[[-1.0, -1.0]]]
