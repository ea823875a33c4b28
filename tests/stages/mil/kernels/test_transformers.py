"""Attention, against its formula in numpy and against torch."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import torch

from edgesmith_stages.mil.kernels.transformers import scaled_dot_product_attention

from .calls import run

NUMBERS = np.random.default_rng(0)


@pytest.mark.parametrize("batch", [(2,), (2, 3), (2, 3, 2)])
@pytest.mark.parametrize("mask", [None, "bool", "float", "row"])
def test_attention(batch: tuple[int, ...], mask: str | None) -> None:
    query, key, value = (NUMBERS.normal(size=(*batch, *end)) for end in ((4, 8), (5, 8), (5, 6)))
    kept = NUMBERS.random((4, 5)) < 0.7
    kept[:, 0] = True
    given, added = {
        None: (None, 0.0),
        "bool": (kept, np.where(kept, 0.0, -np.inf)),
        "float": ((shift := NUMBERS.normal(size=(*batch, 4, 5))), shift),
        "row": ((row := NUMBERS.normal(size=(1, 5))), row),
    }[mask]
    weights = scipy.special.softmax(np.einsum("...le,...se->...ls", query, key) / np.sqrt(8) + added, axis=-1)
    y = run(scaled_dot_product_attention, query=query, key=key, value=value, attn_mask=given, compute=torch.float64)
    np.testing.assert_allclose(y.numpy(), np.einsum("...ls,...sv->...lv", weights, value), atol=1e-12)


def test_as_torch_does() -> None:
    query, key, value = (torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0)) for _ in range(3))
    y = run(scaled_dot_product_attention, query=query, key=key, value=value)
    torch.testing.assert_close(y, torch.nn.functional.scaled_dot_product_attention(query, key, value))


def test_a_row_without_anything_to_look_at_is_nan() -> None:
    """That is what the reference's formula gives; torch itself gives zeros."""
    one = torch.ones(1, 1, 1)
    mask = torch.zeros(1, 1, dtype=torch.bool)
    assert run(scaled_dot_product_attention, query=one, key=one, value=one, attn_mask=mask).isnan().all()


def test_half_scores_do_not_overflow() -> None:
    large = np.full((1, 2, 64), 100.0)
    y = run(scaled_dot_product_attention, query=large, key=large, value=large, compute=torch.float16)
    assert torch.equal(y.half(), torch.full((1, 2, 64), 100.0, dtype=torch.float16))
