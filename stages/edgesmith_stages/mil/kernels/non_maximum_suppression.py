"""The kernel of non_maximum_suppression, in its two forms. KERNELS of `tensor_operation` names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Results

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
    overlapping = intersection_over_union(boxes) > call.number("iou_threshold")
    if call.flag("per_class_suppression", False):
        overlapping &= classes[:, None] == classes
    kept: list[int] = []
    for index in best.argsort(descending=True, stable=True).tolist():
        if len(kept) == call.int("max_boxes"):
            break
        if not overlapping[index, kept].any():
            kept.append(index)
    return best.new_tensor(kept).long()


def intersection_over_union(boxes: Tensor) -> Tensor:
    """Of each two boxes (B, B); NaN of two empty ones, which overlap nothing."""
    centre, size = boxes.split(2, -1)
    low, high = centre - size / 2, centre + size / 2
    sides = high[:, None].minimum(high) - low[:, None].maximum(low)
    shared, area = sides.clamp(min=0).prod(-1), size.prod(-1)
    return shared / (area[:, None] + area - shared)


def gather(call: Call, boxes: Tensor, scores: Tensor, kept: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The kept boxes, their scores and indices, filled up to max_boxes with 0, 0 and -1."""
    import torch

    indices = torch.full((len(kept), call.int("max_boxes")), -1)
    for row, chosen in zip(indices, kept, strict=True):
        row[: len(chosen)] = chosen
    places, empty = indices.clamp(min=0)[..., None], (indices < 0)[..., None]
    chosen_boxes, chosen_scores = (one.take_along_dim(places, 1).masked_fill(empty, 0) for one in (boxes, scores))
    return chosen_boxes, chosen_scores, indices.int()
