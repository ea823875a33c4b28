"""Choose and load calibration images."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

from edgesmith import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Context, DatasetRef, InputContract


def load(ctx: Context, data: DatasetRef, contract: InputContract, count: int) -> NDArray[np.float32]:
    """Load images of the train split as the network takes them: float32 [count, C, H, W].

    Raises:
        UserError: the split holds fewer images than `count`.
    """
    split = ctx.dataset(data).split("train")
    if len(split) < count:
        raise too_few(len(split), count, data.name)
    chosen = draw([int(label) for label in split.labels], count, ctx.seed)
    return contract.normalise(contract.pixels([split.image(index) for index in chosen]))


def draw(labels: Sequence[int], count: int, seed: int) -> list[int]:
    """Draw `count` distinct indices by seed, the classes taking turns, as evenly as their sizes allow.

    Args:
        labels: one class a row; equal labels (all -1, say) make one class.
        count: at most the number of rows.
    """
    # `random()` alone is promised to repeat across Python versions; `shuffle` is not.
    stream = random.Random(seed)
    shuffled = sorted(range(len(labels)), key=[stream.random() for _ in labels].__getitem__)
    taken: Counter[int] = Counter()
    turns = []
    for place, index in enumerate(shuffled):
        turns.append((taken[labels[index]], place, index))
        taken[labels[index]] += 1
    return [index for *_, index in sorted(turns)[:count]]


def too_few(available: int, count: int, data: str) -> UserError:
    """Return the error for a calibration count above the split."""
    return UserError(
        f"calibration: {count} images asked for, but the train split of {data!r} has {available}",
        hint=f"set `calibration` to at most {available}",
    )
