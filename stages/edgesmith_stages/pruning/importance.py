"""How much a channel matters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

Importance = Literal["magnitude", "lamp", "taylor", "hessian", "random"]

LEARNED: frozenset[Importance] = frozenset({"taylor", "hessian"})
"""Those that need gradients, and so labels."""


class Scores:
    """Scores channels for torch-pruning, and remembers what it was asked.

    Attributes:
        at: the name of the group's first layer, while or after it was scored: the place of a failure.
    """

    def __init__(self, importance: Importance, seed: int, names: dict[Any, str]) -> None:
        """Choose the measure.

        Args:
            importance: `magnitude` is the L2 norm of the weights (https://arxiv.org/abs/1608.08710); `lamp` that
                norm over the norms of all that matters more in the layer, which makes layers comparable
                (https://arxiv.org/abs/2010.07611); `taylor` the first-order change of the loss
                (https://arxiv.org/abs/1906.10771), `hessian` the second-order one (LeCun, Denker and Solla, Optimal
                Brain Damage, 1989) with squared gradients as the Hessian's diagonal: for both the parameters must hold
                what `accumulate_gradients` leaves; `random` is the baseline.
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
        elif importance == "lamp":
            self._measure = tp.importance.LAMPImportance(p=2)
        elif importance == "taylor":
            self._measure = tp.importance.GroupTaylorImportance()
        elif importance == "hessian":
            self._measure = tp.importance.GroupHessianImportance()
        self.at = ""

    def __call__(self, group: Any) -> Any:
        """Return one score a channel of a torch-pruning group, float [C]; None where nothing can be scored."""
        import torch

        root = group[0].dep
        self.at = self._names.get(root.target.module, str(root.target.name))
        if self._measure is None:
            return torch.rand(len(group[0].idxs), generator=self._generator)
        return self._measure(group)


def accumulate_gradients(module: Any, batches: Iterable[tuple[Any, Any]], *, squared: bool = False) -> None:
    """Leave the sum of the gradients of the cross-entropy in a module's parameters, in eval mode.

    Args:
        module: on the CPU.
        batches: images, float32 [N, C, H, W], and targets, float32 [N, classes].
        squared: sum up the squares of each batch's gradients: of single images, the diagonal of the empirical Fisher
            matrix. (`GroupHessianImportance.accumulate_grad` of torch-pruning 1.6 keeps those of its last call alone.)
    """
    import torch
    from torch.nn import functional

    module.eval()
    module.zero_grad(set_to_none=True)
    sums: dict[str, torch.Tensor] = {}
    for images, targets in batches:
        functional.cross_entropy(module(images), targets).backward()
        if not squared:
            continue
        for name, parameter in module.named_parameters():
            if parameter.grad is not None:
                sums[name] = sums.get(name, torch.zeros(())) + parameter.grad.square()
        module.zero_grad(set_to_none=True)
    if squared:
        for name, parameter in module.named_parameters():
            parameter.grad = sums.get(name)
