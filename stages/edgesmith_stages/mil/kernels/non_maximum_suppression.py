"""The kernel of non_maximum_suppression, in its two forms. KERNELS of `tensor_operation` names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Results
from edgesmith_stages.mil.room import room

if TYPE_CHECKING:
    from torch import Tensor


def boxes_first(call: Call) -> Results:
    """Boxes (n, B, 4) and scores (n, B, K), with a score threshold and the number of boxes kept (iOS15).

    Where no score reaches the threshold, the best box is kept: the format's documentation has no empty result.
    """
    boxes, scores = call.tensor("boxes"), call.tensor("scores")
    threshold = call.number("score_threshold")
    kept = []
    for some, of_each in zip(boxes, scores, strict=True):
        best = of_each.amax(-1)
        likely = (best >= threshold).nonzero().flatten()
        if len(likely) == 0:
            likely = best.argmax(keepdim=True)
        kept.append(likely[suppress(call, some[likely], of_each[likely])])
    chosen_boxes, chosen_scores, indices = gather(call, boxes, scores, kept)
    return chosen_boxes, chosen_scores, indices, (indices >= 0).sum(-1).int()


def boxes_last(call: Call) -> Results:
    """Boxes (n, 4, B) and scores (n, K, B), as are the results; no threshold, no count (iOS17)."""
    boxes, scores = call.tensor("boxes").mT, call.tensor("scores").mT
    kept = [suppress(call, *one) for one in zip(boxes, scores, strict=True)]
    chosen_boxes, chosen_scores, indices = gather(call, boxes, scores, kept)
    return chosen_boxes.mT, chosen_scores.mT, indices


def suppress(call: Call, boxes: Tensor, scores: Tensor) -> Tensor:
    """Indices of at most max_boxes boxes, best first, none overlapping a better one too much.

    A box counts with its highest score. With per_class_suppression only boxes of one class suppress each other, a box
    being of the class of its highest score.

    Args:
        boxes: (B, 4), as centre x, centre y, width, height.
        scores: (B, K).
    """
    best, classes = scores.max(-1)
    order = best.argsort(descending=True, stable=True)
    sides, classes = sides_and_areas(boxes[order]), classes[order]
    threshold, by_class = call.number("iou_threshold"), call.flag("per_class_suppression", False)
    left, at = order >= 0, 0
    kept: list[int] = []
    # Each kept box against those after it: all pairs of a detector's 25,200 boxes would take 5 GB.
    while len(kept) < call.int("max_boxes") and len(following := left[at:].nonzero()):
        at += int(following[0])
        kept.append(at)
        overlapping = intersection_over_union(sides, at) > threshold
        if by_class:
            overlapping &= classes[at + 1 :] == classes[at]
        left[at + 1 :] &= ~overlapping
        at += 1
    return order[kept]


def sides_and_areas(boxes: Tensor) -> tuple[Tensor, ...]:
    """Of boxes (B, 4), each (B,): left, top, right, bottom, area."""
    x, y, width, height = boxes.unbind(-1)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2, width * height


def intersection_over_union(sides: Sequence[Tensor], at: int) -> Tensor:
    """Of one box and each one after it; NaN of two empty ones, which overlap nothing."""
    (left, top, right, bottom, area), others = (one[at] for one in sides), [one[at + 1 :] for one in sides]
    width = others[2].minimum(right) - others[0].maximum(left)
    height = others[3].minimum(bottom) - others[1].maximum(top)
    shared = width.clamp(min=0) * height.clamp(min=0)
    return shared / (area + others[4] - shared)


def gather(call: Call, boxes: Tensor, scores: Tensor, kept: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The kept boxes, their scores and indices, filled up to max_boxes with 0, 0 and -1."""
    import torch

    room(call, [len(kept), call.int("max_boxes"), 4])
    indices = torch.full((len(kept), call.int("max_boxes")), -1)
    for row, chosen in zip(indices, kept, strict=True):
        row[: len(chosen)] = chosen
    places, empty = indices.clamp(min=0)[..., None], (indices < 0)[..., None]
    chosen_boxes, chosen_scores = (one.take_along_dim(places, 1).masked_fill(empty, 0) for one in (boxes, scores))
    return chosen_boxes, chosen_scores, indices.int()
