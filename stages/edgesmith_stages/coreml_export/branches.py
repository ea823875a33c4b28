"""Tell when a model still has the branches that only its training needed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from edgesmith import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def unfused(module: Any, example: NDArray[np.float32]) -> tuple[int, int] | None:
    """Count operators before and after merging branches and folding BatchNorm.

    Args:
        module: the network, in eval mode; it is left as it is.
        example: an input, an array float32 [1, C, H, W].

    Returns:
        Both counts, or None where there is nothing to merge.
    """
    import torch

    from edgesmith_stages.formats.coreml_graph import count_operators
    from edgesmith_stages.models.reparameterize import has_branches, reparameterize

    if not has_branches(module):
        return None
    try:
        merged = reparameterize(copy.deepcopy(module))
    except UserError:
        return None
    if _layers(merged) >= _layers(module):
        return None
    before, after = (
        count_operators(torch.export.export(one, (torch.from_numpy(example),)).run_decompositions({}))
        for one in (module, merged)
    )
    return (before, after) if after < before else None


def _layers(module: Any) -> int:
    return sum(1 for part in module.modules() if not any(part.children()))
