"""Rounding to a declared dtype: which results need it, and that it is exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.modes import EXACT, finish
from edgesmith_stages.mil.rounding import Rounder

HALF = TensorType("fp16", (2, None))


@pytest.mark.parametrize("size", [1, 1000, 1 << 14, (1 << 17) + 5, 1 << 18])
def test_values_are_those_of_the_narrower_dtype(size: int) -> None:
    """As numpy rounds, ties to even, large ones to infinity, small ones to zero."""
    wide = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    wide[:: max(1, size // 8)] *= 1e6
    wide[1 :: max(2, size // 8)] *= 1e-9
    with np.errstate(over="ignore"):
        wanted = wide.astype(np.float16).astype(np.float32)
    found = Rounder()(torch.from_numpy(wide.copy()), torch.float16, ())
    np.testing.assert_array_equal(found.numpy(), wanted)


def test_arguments_are_left_alone() -> None:
    """A kernel may give back its argument, or a part of it."""
    whole = torch.full((4, 1 << 15), 0.1)
    for result in (whole, whole[1:], whole.T, whole[:, :1].expand(4, 1 << 15)):
        found = Rounder()(result, torch.float16, [3, [whole]])
        assert found.unique().tolist() == [float(np.float16(0.1))]
        assert whole.unique().tolist() == [float(np.float32(0.1))]


def test_fresh_results_are_overwritten() -> None:
    """Which saves the system from giving as much memory again."""
    result = torch.full((1 << 15,), 0.1)
    assert Rounder()(result, torch.float16, [torch.ones(3)]) is result


@pytest.mark.parametrize(
    ("operation", "declared", "mode", "inputs", "wanted"),
    [
        ("conv", "fp16", "declared", ["fp16", "int32", "string"], torch.float16),
        ("conv", "bf16", "declared", ["bf16"], torch.bfloat16),
        ("conv", "fp32", "declared", ["fp32"], None),
        ("conv", "fp16", "fp64", ["fp16"], None),
        ("reshape", "fp16", "declared", ["fp16", "int32"], None),
        ("reshape", "fp16", "declared", ["fp32", "int32"], torch.float16),
        ("reshape", "int32", "declared", ["int32"], None),
    ],
)
def test_what_is_rounded(operation: str, declared: str, mode: str, inputs: list[str], wanted: torch.dtype) -> None:
    """Results of arithmetic, in declared mode, where the declared dtype is narrower than float32."""
    assert finish(operation, TensorType(declared, (1,)), mode, inputs).rounded == wanted  # type: ignore[arg-type]


def test_exact_operations_are_known_ones() -> None:
    """No name is misspelt."""
    from edgesmith_stages.mil.kernels.table import kernels

    assert set(kernels()) >= EXACT


def test_shapes() -> None:
    """Fixed ones are compared as a whole."""
    assert finish("add", HALF, "declared", []).shape is None
    assert finish("add", HALF, "declared", []).open == (2, None)
    assert finish("add", TensorType("fp16", (2, 3)), "declared", []).shape == (2, 3)
