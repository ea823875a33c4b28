"""Pruning of weights: by magnitude, alone, in blocks or n of m, and by a threshold."""

from __future__ import annotations

from typing import Any

from edgesmith_stages.quantize.coreml.settings import settings

SPARSITY = 0.5
"""Of `sparse` where nothing else is said."""


def passes(params: Any) -> list[Any]:
    """Return coremltools' pass. What it can't prune (n:m of a depthwise convolution, say) stays dense."""
    from coremltools.optimize.coreml import OpMagnitudePrunerConfig, OpThresholdPrunerConfig
    from coremltools.optimize.coreml import _quantization_passes as library

    how: Any
    common = {"weight_threshold": params.min_elements}
    if params.threshold is not None:
        least = 0.5 if params.min_sparsity is None else params.min_sparsity
        how = OpThresholdPrunerConfig(
            threshold=float(params.threshold), minimum_sparsity_percentile=float(least), **common
        )
    else:
        share = None if params.n_m else float(params.sparsity or SPARSITY)
        dim = None if params.prune_dim is None else ("output", "input").index(params.prune_dim)
        how = OpMagnitudePrunerConfig(
            target_sparsity=share, n_m_ratio=params.n_m, block_size=params.prune_block, dim=dim, **common
        )
    return [library.prune_weights(settings(params, how))]
