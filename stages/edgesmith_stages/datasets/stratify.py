"""Split labelled examples into train and val, the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Sequence


def stratify(labels: Sequence[int], fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Split indices so that every class has the same share in val.

    A class of two or more examples has at least one on each side; a single one goes to train.

    Args:
        labels: one class index per example.
        fraction: share of each class that goes to val, between 0 and 1.
        seed: equal seeds give equal splits.

    Returns:
        Indices of train and of val, each ascending.
    """
    by_class: dict[int, list[int]] = {}
    for index, label in enumerate(labels):
        by_class.setdefault(label, []).append(index)
    # `random()` alone is promised to repeat across Python versions; `shuffle` is not.
    draw = random.Random(seed)
    val: set[int] = set()
    for label in sorted(by_class):
        members = sorted(by_class[label], key=lambda _: draw.random())
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        val.update(members[:count])
    return [index for index in range(len(labels)) if index not in val], sorted(val)
