"""Choose and load calibration images."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from edgesmith import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Context, DatasetRef, InputContract


def load(ctx: Context, data: DatasetRef, contract: InputContract, count: int) -> NDArray[np.uint8]:
    """Load `count` images of the train split: uint8 [count, H, W, C].

    Raises:
        UserError: the split holds fewer.
    """
    split = ctx.dataset(data).split("train")
    if len(split) < count:
        raise too_many(count, len(split), data.name)
    return contract.pixels([split.image(index) for index in draw(split.labels.tolist(), count, ctx.seed)])


def draw(labels: list[int], count: int, seed: int) -> list[int]:
    """Draw `count` distinct indices by seed; the classes take turns, so that every prefix is as even as can be.

    Args:
        labels: one class index per image; equal labels (all -1, say) make one class.
        count: at most as many as there are labels.
        seed: the pipeline's seed.
    """
    # `random()` alone is promised to repeat across Python's versions; shuffles are not.
    stream = random.Random(seed)
    shuffled = sorted(range(len(labels)), key=lambda _: stream.random())
    drawn: dict[int, int] = {}
    turns = []
    for place, index in enumerate(shuffled):
        turn = drawn.get(labels[index], 0)
        drawn[labels[index]] = turn + 1
        turns.append((turn, place, index))
    return [index for _, _, index in sorted(turns)[:count]]


def too_many(count: int, available: int, data: str) -> UserError:
    """Return the error for a calibration count above the split."""
    return UserError(
        f"calibration: {count} images asked for, but the train split of {data!r} has {available}",
        hint=f"set `calibration` to at most {available}",
    )
