"""Scale what was found, and tell what that did to the ranges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgesmith_stages.equalization.balance import equalize, spreads
from edgesmith_stages.equalization.smoothing import observe, smooth, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn
    from torch.fx import GraphModule

    from edgesmith import InputContract
    from edgesmith_stages.equalization.graph import Norm, Pair
    from edgesmith_stages.equalization.told import Row


def scale_pairs(module: nn.Module, pairs: Sequence[Pair]) -> tuple[dict[str, Any], list[Row]]:
    """Equalise a network's pairs, in place; return figures and rows to show."""
    if not pairs:
        return {"equalized": 0}, []
    firsts = [pair.first for pair in pairs]
    before = spreads(module, firsts)
    sweeps = equalize(module, pairs)
    after = spreads(module, firsts)
    figures = {
        "equalized": len(pairs),
        "sweeps": sweeps,
        "spread_before": max(before.values()),
        "spread_after": max(after.values()),
    }
    rows: list[Row] = []
    for pair in pairs:
        at, remark = pair.first.weight, "ReLU in place of ReLU6" if pair.clamps else ""
        rows.append((pair.first.name, pair.second.name, before[at], after[at], remark))
    return figures, rows


def smooth_norms(
    module: nn.Module,
    graph: GraphModule,
    norms: Sequence[Norm],
    contract: InputContract,
    images: NDArray[np.uint8] | None,
    alpha: float,
) -> tuple[dict[str, Any], list[Row]]:
    """Smooth a network's norms, in place; return figures and rows to show.

    Args:
        module: the network.
        graph: of it as it is.
        norms: which.
        contract: of its input.
        images: uint8 [N, H, W, C]; None where there are no norms.
        alpha: how much of the activations' ranges moves.
    """
    if not norms or images is None:
        return {"smoothed": 0}, []
    ranges = observe(graph, norms, contract, images)
    scales = smooth(module, norms, ranges, alpha)
    before = {norm.name: spread(ranges[norm.node]) for norm in norms}
    after = {norm.name: spread(ranges[norm.node] / scales[norm.node]) for norm in norms}
    rows: list[Row] = []
    for norm in norms:
        into = ", ".join(layer.name for layer in norm.readers)
        rows.append((norm.name, into, before[norm.name], after[norm.name], "smoothed"))
    figures = {
        "smoothed": len(norms),
        "calibration_images": len(images),
        "norm_spread_before": max(before.values()),
        "norm_spread_after": max(after.values()),
    }
    return figures, rows
