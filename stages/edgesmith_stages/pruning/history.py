"""Replay a pruning history on an unpruned module."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from edgesmith_stages.models.resize import structure
from edgesmith_stages.models.steps import Prune
from edgesmith_stages.pruning.constraints import mend

if TYPE_CHECKING:
    import torch
    from torch import nn


def replay(module: nn.Module, step: Prune, example: torch.Tensor) -> nn.Module:
    """Take the same channels out of a module, in place; the weights that stay keep their values.

    `Prune.apply` gives the same sizes without this, and without the values.

    Args:
        module: as it was before `step`.
        step: a recipe's.
        example: an input of the network, float [1, C, H, W].
    """
    import torch
    import torch_pruning as tp

    before = structure(module)
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Unwrapped parameters detected")
        graph = tp.DependencyGraph().build_dependency(module, example)
        graph.load_pruning_history([[name, out, list(indices)] for name, out, indices in step.history])
    heads = {
        module.get_submodule(name).qkv: int(values["num_heads"])  # type: ignore[arg-type]
        for name, values in step.attributes.items()
        if "num_heads" in values
    }
    mend(module, before, heads)
    return module
