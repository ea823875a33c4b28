"""Attention."""

from __future__ import annotations

import math
from collections.abc import Mapping

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.kernels.precision import widened


def scaled_dot_product_attention(call: Call) -> Results:
    """softmax(query @ key.T / sqrt(E) + attn_mask) @ value; a bool mask says which scores take part.

    A row whose mask leaves nothing is NaN, as the reference's formula has it.
    """
    import torch

    query, key, value = (widened(call.tensor(name)) for name in ("query", "key", "value"))
    mask = call.maybe("attn_mask")
    if mask is None:
        return torch.nn.functional.scaled_dot_product_attention(query, key, value)
    scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(-1, -2)
    scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1) @ value


KERNELS: Mapping[tuple[str, int], Kernel] = {("scaled_dot_product_attention", 8): scaled_dot_product_attention}
