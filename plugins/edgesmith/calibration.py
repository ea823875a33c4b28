"""Choose and load calibration images."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from edgesmith.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith.context import Context
    from edgesmith.input_contract import InputContract
    from edgesmith.refs import DatasetRef


def load(ctx: Context, data: DatasetRef, contract: InputContract, count: int) -> NDArray[np.uint8]:
    """Load calibration images from the train split: uint8 [count, H, W, C].

    Raises:
        UserError: the split holds fewer images than `count`.
    """
    split = ctx.dataset(data).split("train")
    if len(split) < count:
        raise too_many(count, len(split), data.name)
    return contract.pixels(split.image(int(index)) for index in draw(split.labels, count, ctx.seed))


def draw(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Draw `count` distinct indices by seed, with the classes as even as their sizes allow.

    Args:
        labels: int64 [N]; equal labels (all -1, say) make one class.
        count: at most N.
        seed: the pipeline's seed.

    Returns:
        int64 [count]; the classes take turns, so every prefix is stratified too.
    """
    import numpy as np

    # `random()` alone is promised to repeat across versions; permutations, Python's and NumPy's, are not.
    stream = random.Random(seed)
    order = np.argsort([stream.random() for _ in labels], kind="stable")
    _, groups = np.unique(labels[order], return_inverse=True)
    turn = np.empty(len(labels), np.int64)
    for group in range(int(groups.max(initial=-1)) + 1):
        members = groups == group
        turn[members] = np.arange(members.sum())
    # By turn, then by place in the shuffle: the n-th image of every class comes before any class' (n+1)-th.
    return np.asarray(order[np.argsort(turn, kind="stable")][:count], np.int64)


def too_many(count: int, available: int, data: str) -> UserError:
    """Return the error for a calibration count above the split."""
    return UserError(
        f"calibration: {count} images asked for, but the train split of {data!r} has {available}",
        hint=f"set `calibration` to at most {available}",
    )
