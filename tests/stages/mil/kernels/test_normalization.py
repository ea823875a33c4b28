"""Normalisations, against their formulas in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgesmith_stages.mil.kernels.normalization import (
    batch_norm,
    instance_norm,
    l2_norm,
    layer_norm,
    local_response_norm,
)

from .calls import run

NUMBERS = np.random.default_rng(0)
AFFINE = {"gamma": NUMBERS.normal(size=4), "beta": NUMBERS.normal(size=4)}


def column(vector: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A vector by channel, to be broadcast over x."""
    return vector.reshape(-1, *[1] * (x.ndim - 2))


@pytest.mark.parametrize("shape", [(2, 4, 5), (2, 4, 5, 3), (2, 4, 2, 3, 2)])
def test_batch_norm(shape: tuple[int, ...]) -> None:
    x, mean, variance = NUMBERS.normal(size=shape), NUMBERS.normal(size=4), NUMBERS.random(4) + 0.1
    y = run(batch_norm, x=x, mean=mean, variance=variance, **AFFINE, epsilon=0.01, compute=torch.float64)
    expected = (x - column(mean, x)) / np.sqrt(column(variance, x) + 0.01)
    np.testing.assert_allclose(y.numpy(), expected * column(AFFINE["gamma"], x) + column(AFFINE["beta"], x), atol=1e-12)


def test_batch_norm_without_gamma_and_beta() -> None:
    y = run(batch_norm, x=[[[3.0]]], mean=[1.0], variance=[4.0 - 1e-5], compute=torch.float64)
    assert y.item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("shape", [(2, 4, 5), (2, 4, 5, 3)])
def test_instance_norm(shape: tuple[int, ...]) -> None:
    x = NUMBERS.normal(size=shape)
    axes = tuple(range(2, x.ndim))
    expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    y = run(instance_norm, x=x, **AFFINE, compute=torch.float64)
    np.testing.assert_allclose(y.numpy(), expected * column(AFFINE["gamma"], x) + column(AFFINE["beta"], x), atol=1e-10)


def test_instance_norm_of_a_single_pixel_is_beta() -> None:
    y = run(instance_norm, x=np.ones((1, 4, 1, 1)), **AFFINE, compute=torch.float64)
    assert y.flatten().tolist() == AFFINE["beta"].tolist()


@pytest.mark.parametrize("axes", [[-1], [2, 3], [1], [1, 3], [3, 1], None])
def test_layer_norm(axes: list[int] | None) -> None:
    x = NUMBERS.normal(size=(3, 4, 5, 6))
    over = tuple(sorted(axis % 4 for axis in axes)) if axes else (0, 1, 2, 3)
    gamma, beta = NUMBERS.normal(size=(2, *(x.shape[axis] for axis in over)))
    around = [size if axis in over else 1 for axis, size in enumerate(x.shape)]
    expected = (x - x.mean(over, keepdims=True)) / np.sqrt(x.var(over, keepdims=True) + 1e-3)
    expected = expected * gamma.reshape(around) + beta.reshape(around)
    y = run(layer_norm, x=x, axes=axes, gamma=gamma, beta=beta, epsilon=1e-3, compute=torch.float64)
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-10)


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (2, 2, 3, 4, 5)])
def test_l2_norm_takes_the_last_three_dimensions(shape: tuple[int, ...]) -> None:
    x = NUMBERS.normal(size=shape)
    rows = x.reshape(-1, 60)
    expected = (rows / np.sqrt((rows**2).sum(1, keepdims=True) + 0.1)).reshape(shape)
    np.testing.assert_allclose(run(l2_norm, x=x, epsilon=0.1, compute=torch.float64).numpy(), expected, atol=1e-12)


def test_the_squares_of_halves_do_not_overflow() -> None:
    y = run(l2_norm, x=np.full((1, 1, 4), 300.0), compute=torch.float16)
    assert y.half().flatten().tolist() == [0.5] * 4


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(2, 6, 3), (2, 6, 3, 2)])
def test_local_response_norm(size: int, shape: tuple[int, ...]) -> None:
    x = NUMBERS.normal(size=shape)
    expected = np.empty_like(x)
    for at in range(6):
        around = x[:, max(0, at - size // 2) : at + (size - 1) // 2 + 1]
        expected[:, at] = x[:, at] / (2 + 0.3 / size * (around**2).sum(1)) ** 0.6
    y = run(local_response_norm, x=x, size=size, alpha=0.3, beta=0.6, k=2.0, compute=torch.float64)
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-12)
