"""Non-maximum suppression, against torchvision's and the format's documentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torchvision.ops import batched_nms, box_convert, nms

from edgesmith_stages.mil.kernels.tensor_operation import KERNELS

from .calls import run


def drawn(boxes: int, classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes (1, B, 4) by their centres, with scores (1, B, K) that are all different."""
    random = np.random.default_rng(seed)
    places = np.concatenate([random.uniform(0, 20, (boxes, 2)), random.uniform(2, 15, (boxes, 2))], 1)
    scores = random.permutation(boxes * classes).reshape(boxes, classes) / 10
    return torch.from_numpy(places).float()[None], torch.from_numpy(scores).float()[None]


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize(("iou", "most"), [(0.0, 3), (0.2, 30), (0.5, 8), (1.0, 12)])
def test_it_keeps_what_torchvision_keeps(iou: float, most: int, classes: int, by_class: bool) -> None:
    boxes, scores = drawn(20, classes, seed=classes)
    best, classes_of = scores[0].max(-1)
    corners = box_convert(boxes[0], "cxcywh", "xyxy")
    kept = batched_nms(corners, best, classes_of, iou) if by_class else nms(corners, best, iou)
    kept = kept[:most]
    common: dict[str, Any] = {"iou_threshold": iou, "max_boxes": most, "per_class_suppression": by_class}

    first = run(KERNELS["non_maximum_suppression", 5], boxes=boxes, scores=scores, score_threshold=-1.0, **common)
    last = run(KERNELS["non_maximum_suppression", 7], boxes=boxes.mT, scores=scores.mT, **common)
    for found in (first, [last[0].mT, last[1].mT, last[2]]):
        assert found[0].shape == (1, most, 4) and found[1].shape == (1, most, classes) and found[2].shape == (1, most)
        assert torch.equal(found[2][0, : len(kept)].long(), kept)
        assert torch.equal(found[0][0, : len(kept)], boxes[0, kept])
        assert torch.equal(found[1][0, : len(kept)], scores[0, kept])
        assert not found[0][0, len(kept) :].any() and not found[1][0, len(kept) :].any()
        assert (found[2][0, len(kept) :] == -1).all()
    assert first[3].tolist() == [len(kept)]


def test_boxes_below_the_score_are_left_out_but_the_best_one_stays() -> None:
    boxes = [[[0.0, 0, 1, 1], [5, 5, 1, 1], [9, 9, 1, 1]], [[0.0, 0, 1, 1], [5, 5, 1, 1], [9, 9, 1, 1]]]
    scores = [[[0.5], [0.9], [0.1]], [[0.0], [0.1], [0.2]]]
    *_, indices, count = run(
        KERNELS["non_maximum_suppression", 5],
        boxes=boxes,
        scores=scores,
        iou_threshold=0.5,
        score_threshold=0.5,
        max_boxes=3,
    )
    assert indices.tolist() == [[1, 0, -1], [2, -1, -1]]
    assert count.tolist() == [2, 1]


def test_empty_boxes_overlap_nothing() -> None:
    boxes = [[[0.0, 0, 0, 0], [0, 0, 0, 0]]]
    found = run(
        KERNELS["non_maximum_suppression", 7],
        boxes=torch.tensor(boxes).mT,
        scores=[[[0.5, 0.6]]],
        iou_threshold=0.0,
        max_boxes=2,
    )
    assert found[2].tolist() == [[1, 0]]


def test_memory_grows_with_the_boxes_not_with_their_pairs() -> None:
    """All pairs of these would take 640 GB."""
    boxes, scores = drawn(400_000, 1, seed=0)
    *_, count = run(
        KERNELS["non_maximum_suppression", 5],
        boxes=boxes,
        scores=scores,
        iou_threshold=0.5,
        score_threshold=0.0,
        max_boxes=5,
    )
    assert count.tolist() == [5]


def test_indices_are_exact_in_half_precision() -> None:
    """Which holds whole numbers up to 2048 only."""
    boxes, scores = torch.zeros(1, 4, 4000), torch.zeros(1, 1, 4000)
    scores[..., 3001] = 1
    found = run(
        KERNELS["non_maximum_suppression", 7],
        boxes=boxes,
        scores=scores,
        iou_threshold=0.5,
        max_boxes=1,
        compute=torch.float16,
    )
    assert found[2].tolist() == [[3001]]
