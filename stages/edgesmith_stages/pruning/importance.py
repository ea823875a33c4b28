"""How much a channel matters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

Importance = Literal["magnitude", "taylor", "random"]


class Scores:
    """Scores channels for torch-pruning, and remembers what it was asked.

    Attributes:
        at: the name of the group's first layer, while or after it was scored: the place of a failure.
        known: by the group's root (layer and pruning function), one score a channel.
    """

    def __init__(self, importance: Importance, seed: int, names: dict[Any, str]) -> None:
        """Choose the measure.

        Args:
            importance: `magnitude` is the L2 norm of the weights (https://arxiv.org/abs/1608.08710); `taylor` the
                first-order change of the loss (https://arxiv.org/abs/1906.10771), for which the parameters must
                hold gradients; `random` is the baseline.
            seed: for `random`.
            names: by layer, its name.
        """
        import torch
        import torch_pruning as tp

        self._generator = torch.Generator().manual_seed(seed)
        self._names = names
        self._measure: Any = None
        if importance == "magnitude":
            self._measure = tp.importance.GroupMagnitudeImportance(p=2)
        elif importance == "taylor":
            self._measure = tp.importance.GroupTaylorImportance()
        self.at = ""
        self.known: dict[tuple[Any, Any], Any] = {}

    def __call__(self, group: Any) -> Any:
        """Return one score a channel of a torch-pruning group, float [C]; None where nothing can be scored."""
        import torch

        root = group[0].dep
        self.at = self._names.get(root.target.module, str(root.target.name))
        if self._measure is None:
            scores = torch.rand(len(group[0].idxs), generator=self._generator)
        else:
            scores = self._measure(group)
        self.known[root.target.module, root.handler] = scores
        return scores


def accumulate_gradients(module: Any, batches: Iterable[tuple[Any, Any]]) -> None:
    """Add up the gradients of the cross-entropy in a module's parameters, in eval mode.

    Args:
        module: on the CPU.
        batches: images, float32 [N, C, H, W], and targets, float32 [N, classes].
    """
    from torch.nn import functional

    module.eval()
    for images, targets in batches:
        functional.cross_entropy(module(images), targets).backward()
