"""What training minimises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Loss = Callable[[Any, Any, Any], Any]
"""Takes logits [N, classes], images [N, C, H, W], targets [N, classes]; returns the batch's mean, a scalar tensor."""


def cross_entropy(logits: Any, images: Any, targets: Any) -> Any:
    """Cross-entropy with soft targets; label smoothing and mixup are in the targets already."""
    from torch.nn import functional

    return functional.cross_entropy(logits.float(), targets)


def soft_targets(teacher: Any, temperature: float, alpha: float) -> Loss:
    """Return the loss of knowledge distillation (Hinton, Vinyals and Dean, 2015, arXiv:1503.02531).

    `alpha * T^2 * KL(teacher / T || student / T) + (1 - alpha) * cross-entropy`; T^2 keeps the soft targets' gradients
    at the size of the others' whatever the temperature.

    Args:
        teacher: gives logits for the student's images; in eval mode.
        temperature: T, softens both distributions.
        alpha: weight of the soft targets, 0 to 1.
    """

    def loss(logits: Any, images: Any, targets: Any) -> Any:
        import torch
        from torch.nn import functional

        with torch.no_grad():
            wanted = functional.log_softmax(teacher(images).float() / temperature, dim=1)
        given = functional.log_softmax(logits.float() / temperature, dim=1)
        soft = functional.kl_div(given, wanted, reduction="batchmean", log_target=True)
        return alpha * temperature**2 * soft + (1 - alpha) * cross_entropy(logits, images, targets)

    return loss
