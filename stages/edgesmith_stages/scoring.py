"""Score a model's outputs: accuracy, and likeness to a reference model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesmith import UserError
from edgesmith.parity import agreement, sqnr_db

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract

    Outputs = NDArray[np.float32]


def accuracy(outputs: Outputs, labels: NDArray[np.int64]) -> dict[str, float]:
    """Return `top1` and, with more than five classes, `top5`.

    Args:
        outputs: float32 [N, classes], logits or probabilities.
        labels: int64 [N]; -1 where an image has no label, which leaves the figures out.
    """
    import numpy as np

    if len(labels) == 0 or labels.min() < 0:
        return {}
    figures = {"top1": float((outputs.argmax(1) == labels).mean())}
    if outputs.shape[1] > 5:
        best = np.argpartition(-outputs, 5, axis=1)[:, :5]
        figures["top5"] = float((best == labels[:, None]).any(1).mean())
    return figures


def likeness(
    outputs: Outputs, contract: InputContract, reference: Outputs, reference_contract: InputContract
) -> dict[str, float]:
    """Return `agreement` (share of equal top-1 answers) and `sqnr_db` of the outputs.

    Where one of the two files gives probabilities, both are compared as probabilities; where their classes are named in
    another order, by the names.

    Raises:
        UserError: the two have different classes.
    """
    if outputs.shape != reference.shape:
        raise UserError(f"it has {outputs.shape[1]} outputs and the reference {reference.shape[1]}")
    names, others = contract.classes, reference_contract.classes
    if names and others and names != others:
        if len(set(names)) < len(names) or sorted(names) != sorted(others):
            raise UserError("its classes are not the reference's")
        reference = reference[:, [others.index(name) for name in names]]
    if contract.output != reference_contract.output:
        if contract.output == "logits":
            outputs = softmax(outputs)
        else:
            reference = softmax(reference)
    return {"agreement": agreement(reference, outputs), "sqnr_db": sqnr_db(reference, outputs)}


def softmax(logits: Outputs) -> Outputs:
    """Return probabilities, float32 [N, classes]."""
    import numpy as np

    shifted = np.exp((logits - logits.max(1, keepdims=True)).astype(np.float64))
    return np.asarray(shifted / shifted.sum(1, keepdims=True), dtype=np.float32)
