"""Attention, written so that XNNPACK can take it."""

from __future__ import annotations

import torch
from edgesmith_executorch.lower import lower, plain_attention
from timm.layers import Attention


def test_plain_attention_computes_the_same_in_fewer_operators():
    torch.manual_seed(0)
    module, tokens = Attention(32, num_heads=2).eval(), torch.randn(1, 9, 32)
    with torch.inference_mode():
        fused = module(tokens)
    guarded = lower(module, tokens)
    plain_attention(module)
    with torch.inference_mode():
        torch.testing.assert_close(module(tokens), fused)
    plain = lower(module, tokens)
    assert "aten.logical_not" in guarded.portable
    assert "aten.logical_not" not in plain.portable
    assert plain.portable.total() < guarded.portable.total()
