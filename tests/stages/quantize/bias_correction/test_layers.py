"""A layer's mean result is its result of the mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from edgesmith_stages.quantize.bias_correction.layers import Layer, channels_first

TWO = st.tuples(st.integers(1, 2), st.integers(1, 2))


@settings(max_examples=40, deadline=None)
@given(
    groups=st.sampled_from([1, 2, 4]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=TWO,
    dilations=TWO,
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    seed=st.integers(0, 99),
)
def test_a_convolution_of_the_mean_is_the_mean_of_convolutions(
    groups: int,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    pads: tuple[int, int, int, int],
    seed: int,
) -> None:
    draw = np.random.default_rng(seed)
    images, weight = draw.normal(size=(3, 4, 7, 8)), draw.normal(size=(8, 4 // groups, *kernel))
    bias = draw.normal(size=8)
    top, left, bottom, right = pads
    padded = functional.pad(torch.from_numpy(images), (left, right, top, bottom))
    results = functional.conv2d(
        padded, torch.from_numpy(weight), torch.from_numpy(bias), strides, dilation=dilations, groups=groups
    )
    layer = Layer("", "", weight, bias, strides=strides, dilations=dilations, pads=pads)
    np.testing.assert_allclose(layer.mean(channels_first(images, 1)), results.mean((0, 2, 3)).numpy(), atol=1e-9)


@pytest.mark.parametrize(("size", "stride", "before", "after"), [(8, 1, 1, 1), (8, 2, 0, 1), (7, 2, 1, 1)])
def test_padding_that_keeps_the_size_has_the_odd_zero_at_the_end(
    size: int, stride: int, before: int, after: int
) -> None:
    draw = np.random.default_rng(0)
    image, weight = draw.normal(size=(2, size, size)), draw.normal(size=(3, 2, 3, 3))
    same = Layer("", "", weight, np.zeros(3), strides=(stride, stride), pads=None)
    said = Layer("", "", weight, np.zeros(3), strides=(stride, stride), pads=(before, before, after, after))
    np.testing.assert_array_equal(same.mean(image), said.mean(image))


def test_a_linear_layer_reads_vectors() -> None:
    draw = np.random.default_rng(0)
    rows, weight, bias = draw.normal(size=(2, 5, 4)), draw.normal(size=(3, 4)), draw.normal(size=3)
    layer = Layer("", "", weight[:, :, None, None], bias)
    np.testing.assert_allclose(layer.mean(channels_first(rows, -1)), (rows @ weight.T + bias).mean((0, 1)))
