"""Convolutions, against windows and scattered products in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from edgesmith import UserError
from edgesmith_stages.mil.kernels.conv import conv, conv_quantized, conv_transpose

from .calls import run


def correlated(
    x: np.ndarray, weight: np.ndarray, strides: list[int], dilations: list[int], groups: int, pad: list[tuple[int, int]]
) -> np.ndarray:
    """The sum over every window of the padded x times the weight, group by group."""
    spatial = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *pad])
    extents = [(taps - 1) * gap + 1 for taps, gap in zip(weight.shape[2:], dilations, strict=True)]
    windows = sliding_window_view(x, extents, axis=tuple(range(2, x.ndim)))
    windows = windows[
        (slice(None), slice(None), *(slice(None, None, s) for s in strides), *(slice(None, None, d) for d in dilations))
    ]
    parts = []
    for ours, theirs in zip(np.split(weight, groups), np.split(windows, groups, axis=1), strict=True):
        axes = list(range(1, 2 + spatial))
        product = np.tensordot(theirs, ours, axes=([1, *range(2 + spatial, 2 + 2 * spatial)], axes))
        parts.append(np.moveaxis(product, -1, 1))
    return np.concatenate(parts, axis=1)


def scattered(x: np.ndarray, weight: np.ndarray, strides: list[int], dilations: list[int], groups: int) -> np.ndarray:
    """Every element of x adds its multiple of the kernel to the output, which nothing crops."""
    sizes = [
        (size - 1) * stride + (taps - 1) * gap + 1
        for size, stride, taps, gap in zip(x.shape[2:], strides, weight.shape[2:], dilations, strict=True)
    ]
    parts = []
    for ours, theirs in zip(np.split(weight, groups), np.split(x, groups, axis=1), strict=True):
        full = np.zeros((x.shape[0], weight.shape[1], *sizes))
        for at in np.ndindex(*weight.shape[2:]):
            where = tuple(
                slice(tap * gap, tap * gap + (size - 1) * stride + 1, stride)
                for tap, gap, size, stride in zip(at, dilations, x.shape[2:], strides, strict=True)
            )
            full[(slice(None), slice(None), *where)] += np.einsum("nc...,co->no...", theirs, ours[(..., *at)])
        parts.append(full)
    return np.concatenate(parts, axis=1)


@st.composite
def settings_of_a_conv(draw: st.DrawFn) -> dict[str, Any]:
    spatial = draw(st.integers(1, 3))

    def each(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=spatial, max_size=spatial))

    return {
        "sizes": each(5, 8),
        "taps": each(1, 3),
        "strides": each(1, 3),
        "dilations": each(1, 2),
        "pad": [tuple(pair) for pair in zip(each(0, 2), each(0, 2), strict=True)],
        "groups": draw(st.sampled_from([1, 2])),
        "bias": draw(st.booleans()),
        "seed": draw(st.integers(0, 9)),
    }


@settings(max_examples=40, deadline=None, derandomize=True)
@given(settings_of_a_conv())
def test_conv_in_all_its_settings(chosen: dict[str, Any]) -> None:
    numbers, groups = np.random.default_rng(chosen["seed"]), chosen["groups"]
    x = numbers.normal(size=(2, 2 * groups, *chosen["sizes"]))
    weight = numbers.normal(size=(3 * groups, 2, *chosen["taps"]))
    bias = numbers.normal(size=3 * groups) if chosen["bias"] else None
    common = {"strides": chosen["strides"], "dilations": chosen["dilations"], "groups": groups}
    expected = correlated(x, weight, **common, pad=chosen["pad"])
    if bias is not None:
        expected += bias.reshape(-1, *[1] * len(chosen["sizes"]))
    pad = [side for pair in chosen["pad"] for side in pair]
    y = run(conv, "conv", x=x, weight=weight, bias=bias, pad_type="custom", pad=pad, compute=torch.float64, **common)
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(settings_of_a_conv())
def test_conv_transpose_in_all_its_settings(chosen: dict[str, Any]) -> None:
    numbers, groups = np.random.default_rng(chosen["seed"]), chosen["groups"]
    x = numbers.normal(size=(2, 2 * groups, *chosen["sizes"]))
    weight = numbers.normal(size=(2 * groups, 3, *chosen["taps"]))
    bias = numbers.normal(size=3 * groups) if chosen["bias"] else np.zeros(3 * groups)
    common = {"strides": chosen["strides"], "dilations": chosen["dilations"], "groups": groups}
    full = scattered(x, weight, **common)
    kept = tuple(
        slice(before, size - after) for size, (before, after) in zip(full.shape[2:], chosen["pad"], strict=True)
    )
    expected = full[(slice(None), slice(None), *kept)] + bias.reshape(-1, *[1] * len(chosen["sizes"]))
    pad = [side for pair in chosen["pad"] for side in pair]
    given = {"x": x, "weight": weight, "bias": bias, "compute": torch.float64, **common}
    y = run(conv_transpose, "conv_transpose", pad_type="custom", pad=pad, **given)
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("pad_type", "expected"), [("valid", [12, 23, 34]), ("same", [12, 23, 34, 40]), ("same_lower", [1, 12, 23, 34])]
)
def test_an_even_kernel_is_padded_on_one_side(pad_type: str, expected: list[int]) -> None:
    x, weight = np.array([[[1.0, 2.0, 3.0, 4.0]]]), np.array([[[10.0, 1.0]]])
    assert run(conv, "conv", x=x, weight=weight, pad_type=pad_type).flatten().tolist() == expected


def test_same_gives_one_window_a_stride() -> None:
    y = run(conv, "conv", x=np.ones((1, 1, 7, 8)), weight=np.ones((1, 1, 3, 3)), pad_type="same", strides=[2, 3])
    assert y.shape == (1, 1, 4, 3)


def test_a_half_conv_adds_up_in_single_precision() -> None:
    x, weight = torch.full((1, 4096, 1), 1.0), torch.full((1, 4096, 1), 1.0)
    assert run(conv, "conv", x=x, weight=weight, compute=torch.float16).item() == 4096


def test_weights_of_another_float_type_are_taken_as_those_of_x() -> None:
    x, weight = torch.ones(1, 1, 3), torch.ones(1, 1, 2, dtype=torch.uint8)
    assert run(conv, "conv", x=x, weight=weight).tolist() == [[[2.0, 2.0]]]


@pytest.mark.parametrize(("taps", "stride"), [(3, 2), (4, 2), (2, 3), (1, 2), (5, 1)])
def test_a_transposed_same_is_the_gradient_of_same(taps: int, stride: int) -> None:
    """Its output has in * stride elements; where the kernel is too short for that, the last are zeros."""
    numbers = np.random.default_rng(taps)
    x, weight = numbers.normal(size=(1, 2, 4)), numbers.normal(size=(2, 3, taps))
    y = run(
        conv_transpose, "conv_transpose", x=x, weight=weight, strides=[stride], pad_type="same", compute=torch.float64
    )
    forward_input = torch.zeros(1, 3, 4 * stride, dtype=torch.float64, requires_grad=True)
    forward = run(
        conv, "conv", x=forward_input, weight=weight, strides=[stride], pad_type="same", compute=torch.float64
    )
    (gradient,) = torch.autograd.grad(forward, forward_input, torch.from_numpy(x))
    np.testing.assert_allclose(y.numpy(), gradient.numpy(), atol=1e-12)


def test_output_shape_decides_between_the_sizes_that_a_conv_maps_to_one() -> None:
    given = {"x": np.array([[[1.0, 10.0]]]), "weight": np.array([[[1.0, 2.0, 3.0]]]), "strides": [2], "bias": [0.5]}
    same = run(conv_transpose, "conv_transpose", pad_type="same", output_shape=[1, 1, 3], **given)
    assert same.flatten().tolist() == [2.5, 13.5, 20.5], "full is 1 2 13 20 30: one is cropped at each end"
    valid = run(conv_transpose, "conv_transpose", output_shape=[1, 1, 6], **given)
    assert valid.flatten().tolist() == [1.5, 2.5, 13.5, 20.5, 30.5, 0.5], "what is missing is zero, plus the bias"


def test_conv_quantized_weights_are_scaled_by_channel() -> None:
    weight = torch.tensor([[[2]], [[4]]], dtype=torch.uint8)
    given = {"x": np.ones((1, 1, 1)), "weight": weight, "quant_scale": [0.5, 0.25], "quant_bias": [-1.0, 1.0]}
    assert run(conv_quantized, "conv_quantized", quantization_type="linear", **given).flatten().tolist() == [0.0, 2.0]
    with pytest.raises(UserError, match="quantization_type 'lut' is not supported"):
        run(conv_quantized, "conv_quantized", quantization_type="lut", **given)
