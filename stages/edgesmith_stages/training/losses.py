"""What training minimises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Loss = Callable[..., Any]
"""Takes logits [N, classes], images [N, C, H, W], targets [N, classes] and what else a batch carries; returns the
batch's mean, a scalar tensor."""


def cross_entropy(logits: Any, images: Any, targets: Any, *beside: Any) -> Any:
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

        with torch.no_grad():
            wanted = softened([teacher(images)], temperature)
        soft = divergence(logits, wanted, temperature)
        return alpha * temperature**2 * soft + (1 - alpha) * cross_entropy(logits, images, targets)

    return loss


def softened(answers: Sequence[Any], temperature: float, weights: Sequence[float] | None = None) -> Any:
    """Return what teachers say together: log-probabilities at a temperature, float32 [N, classes].

    Several teachers' softened probabilities are averaged, as for the ensembles of Hinton, Vinyals and Dean (2015).

    Args:
        answers: each teacher's logits, [N, classes].
        temperature: T.
        weights: the teachers' weights in the average, positive; None: equal ones.
    """
    import torch
    from torch.nn import functional

    rows = [functional.log_softmax(one.float() / temperature, dim=1) for one in answers]
    if len(rows) == 1:
        return rows[0]
    shares = torch.tensor(list(weights) if weights else [1.0] * len(rows), device=rows[0].device)
    return torch.logsumexp(torch.stack(rows) + (shares / shares.sum()).log()[:, None, None], dim=0)


def divergence(logits: Any, wanted: Any, temperature: float) -> Any:
    """Return `KL(teacher || student / T)`, the mean over the batch.

    Args:
        logits: the student's, [N, classes].
        wanted: the teacher's log-probabilities at that temperature, [N, classes].
        temperature: T.
    """
    from torch.nn import functional

    given = functional.log_softmax(logits.float() / temperature, dim=1)
    return functional.kl_div(given, wanted, reduction="batchmean", log_target=True)


def decoupled(logits: Any, wanted: Any, labels: Any, temperature: float, target: float, others: float) -> Any:
    """Return the divergence of decoupled knowledge distillation (Zhao et al., 2022, arXiv:2203.08679).

    `KL` falls into two parts: how sure the teacher is of the label (TCKD, between two classes: it or another), and how
    it ranks the other classes (NCKD), which `KL` weighs with the teacher's doubt. Here each has a weight of its own:
    `target * TCKD + others * NCKD`, the mean over the batch.

    Args:
        logits: the student's, [N, classes].
        wanted: the teacher's log-probabilities at that temperature, [N, classes].
        labels: int64 [N].
        temperature: T.
        target: the paper's alpha.
        others: the paper's beta.
    """
    import torch
    from torch.nn import functional

    given = functional.log_softmax(logits.float() / temperature, dim=1)
    rest = functional.one_hot(labels, given.shape[1]) == 0

    def parts(rows: Any) -> tuple[Any, Any]:
        """Log-probabilities of label and not label, [N, 2]; of the other classes among themselves."""
        other = rows[rest].view(len(rows), -1)
        either = torch.stack([rows[~rest], other.logsumexp(1)], 1)
        return functional.log_softmax(either, dim=1), functional.log_softmax(other, dim=1)

    pairs = zip(parts(given), parts(wanted), strict=True)
    sure, ranked = (functional.kl_div(own, told, reduction="batchmean", log_target=True) for own, told in pairs)
    return target * sure + others * ranked
