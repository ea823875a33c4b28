"""Parameters and multiply-accumulates are counted as by hand."""

from __future__ import annotations

import torch
from torch import nn

from edgesmith_stages.models.size import count_macs, count_params


def test_a_convolution_counts_its_kernel_at_every_output_pixel() -> None:
    module = nn.Conv2d(3, 8, 3, padding=1, groups=1)
    assert count_params(module) == 3 * 8 * 9 + 8
    assert count_macs(module, torch.zeros(1, 3, 10, 10)) == 3 * 8 * 9 * 100


def test_attention_counts_both_matrix_products() -> None:
    from timm.layers import Attention

    tokens, width = 5, 16
    module = Attention(width, num_heads=4).train()
    expected = tokens * width * 3 * width + 2 * tokens * tokens * width + tokens * width * width
    assert count_macs(module, torch.zeros(1, tokens, width)) == expected
    assert module.training
