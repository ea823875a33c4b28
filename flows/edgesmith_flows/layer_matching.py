"""Match the layers of two models that compute the same, by what they give.

Formats name layers differently, lay arrays out differently (NCHW, NHWC), fuse operations and split them. What a layer
gives for one image stays: two layers are partners if their values, of as many elements, are alike in some order of the
axes. All pairs are compared at a few thousand places.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import TYPE_CHECKING

from edgesmith_flows.layer_ops import family
from edgesmith_flows.likeness import Order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith.runtime import Tap

PLACES = 2048
"""How many elements of a layer are compared in the search."""
ALIKE_DB = 12.0
"""From here on, values alone make partners. Other layers are less alike, but along a residual sum; and those have
better partners."""
SAME_OP_DB = 3.0
"""From here on, values and the same operation make partners, between two that values made."""
TIE_DB = 3.0
"""Partners are each other's best, within this: rounding and clipping make layers that hardly differ."""
REGAINED_DB = 30.0
"""So much more does no layer have than one of those that it is made from; but a branch may be heard so little."""
_FULL_DB = 140.0
"""Where float32 ends."""


@dataclass(frozen=True)
class Match:
    """Two layers that are the same, by their places, with how their values lie on each other."""

    a: int
    b: int
    order: Order


@dataclass(frozen=True)
class Matching:
    """What two models have in common.

    Attributes:
        pairs: layers that are the same, rising in both places.
        a: places of the reference's layers, partners or not; results that say nothing new are none.
        b: the other model's.
    """

    pairs: Sequence[Match] = ()
    a: Sequence[int] = ()
    b: Sequence[int] = ()


@dataclass(frozen=True)
class Layer:
    """A layer to match.

    Attributes:
        place: among the results.
        family: its operation's.
        orders: orders of its axes, as they are first.
        samples: float64 [orders, places], the values at the same places of each order, read as a vector.
    """

    place: int
    name: str
    family: str
    shape: tuple[int, ...]
    size: int
    orders: tuple[tuple[int, ...], ...]
    samples: NDArray[np.float64]

    @classmethod
    def of(cls, place: int, tap: Tap) -> Layer:
        """Sample a result."""
        import numpy as np

        value = np.atleast_1d(tap.value.squeeze())
        turns = list(permutations(range(value.ndim)))[1:] if value.ndim < 5 else []
        everywhere = value.size <= PLACES
        places = np.arange(value.size) if everywhere else np.random.default_rng(0).integers(0, value.size, PLACES)
        rows = [value, *(value.transpose(axes) for axes in turns)]
        samples = [row[np.unravel_index(places, row.shape)].astype(np.float64) + 0.0 for row in rows]
        return cls(place, tap.name, family(tap.op), tap.value.shape, value.size, ((), *turns), np.stack(samples))


def layers(taps: Sequence[Tap]) -> list[Layer]:
    """Return the results that are new: not an earlier one again, reshaped, transposed, copied or cast without loss."""
    found = []
    plain: dict[int, set[bytes]] = defaultdict(set)
    turned: dict[int, set[bytes]] = defaultdict(set)
    for place, tap in enumerate(taps):
        layer = Layer.of(place, tap)
        texts = [row.tobytes() for row in layer.samples]
        if texts[0] in turned[layer.size] or not plain[layer.size].isdisjoint(texts):
            continue
        plain[layer.size].add(texts[0])
        turned[layer.size].update(texts)
        found.append(layer)
    return found


def match(a: Sequence[Tap], b: Sequence[Tap]) -> Matching:
    """Find the layers of two models that are the same, in order.

    First those whose values are alike. Then, between two such pairs, layers of the same operation that are less alike;
    and behind the last one, where the models have parted for good, layers of the same operation and size.

    Args:
        a: what the operations of the reference gave.
        b: what those of the other model gave for the same image.

    Returns:
        The pairs and all layers. A layer that the other model has not, or not by itself, is in no pair.
    """
    one, other = layers(a), layers(b)
    if not one or not other:
        return Matching()
    pairs = Pairs.of(one, other)
    alike, less_alike, same_op = pairs.alike(), pairs.less_alike(), pairs.same_op()
    found = chain(alike)
    for (left, top), (right, bottom) in pairwise([(-1, -1), *found, (len(one), len(other))]):
        scores = same_op if right == len(one) else less_alike
        between = chain(scores[left + 1 : right, top + 1 : bottom])
        found += [(left + 1 + i, top + 1 + j) for i, j in between]
    sound = pairs.without_lookalikes(sorted(found))
    matches = [Match(one[i].place, other[j].place, pairs.order(i, j)) for i, j in sound]
    return Matching(matches, [layer.place for layer in one], [layer.place for layer in other])


@dataclass(frozen=True)
class Pairs:
    """All pairs of layers [A, B].

    Attributes:
        db: float64, the SQNR of the sampled values in the order that suits them best, 0 to _FULL_DB.
        best: bool, no other layer of either model suits one of them clearly better.
        same: bool, operation and size are the same.
        named: bool, so are name and shape; False throughout where few layers have a namesake.
    """

    one: Sequence[Layer]
    other: Sequence[Layer]
    db: NDArray[np.float64]
    best: NDArray[np.bool_]
    same: NDArray[np.bool_]
    named: NDArray[np.bool_]

    @classmethod
    def of(cls, one: Sequence[Layer], other: Sequence[Layer]) -> Pairs:
        """Compare all pairs of the same size."""
        import numpy as np

        db = np.zeros((len(one), len(other)))
        for size in {layer.size for layer in one} & {layer.size for layer in other}:
            rows = [i for i, layer in enumerate(one) if layer.size == size]
            columns = [j for j, layer in enumerate(other) if layer.size == size]
            db[np.ix_(rows, columns)] = _best_db([one[i] for i in rows], [other[j] for j in columns])
        best = db >= np.maximum(db.max(1, keepdims=True), db.max(0, keepdims=True)) - TIE_DB
        same = np.array([[(a.family, a.size) == (b.family, b.size) for b in other] for a in one])
        named = same & np.array([[(a.name, a.shape) == (b.name, b.shape) for b in other] for a in one])
        namesakes = len({layer.name for layer in one} & {layer.name for layer in other})
        return cls(one, other, db, best, same, named & (2 * namesakes > min(len(one), len(other))))

    def alike(self) -> NDArray[np.float64]:
        """Scores of pairs that have the same values."""
        import numpy as np

        return np.where(self.best & (self.db >= ALIKE_DB), self.db + self.same, 0.0)

    def less_alike(self) -> NDArray[np.float64]:
        """Scores of pairs of one operation with values that have something in common."""
        import numpy as np

        return np.where((self.best & self.same & (self.db >= SAME_OP_DB)) | self.named, self.db + 1, 0.0)

    def same_op(self) -> NDArray[np.float64]:
        """Scores of pairs of one operation and size; those whose values still have something in common go before."""
        import numpy as np

        alike = self.best & (self.db >= SAME_OP_DB)
        return np.where(self.same | alike, 1 + self.named + alike + self.db / ALIKE_DB, 0.0)

    def without_lookalikes(self, chained: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Leave out pairs of different operations that later ones belie: what is lost in a layer stays lost."""
        kept, later = [], 0.0
        for i, j in reversed(chained):
            if self.same[i, j] or self.db[i, j] >= later - REGAINED_DB:
                kept.append((i, j))
            later = max(later, float(self.db[i, j]))
        return kept[::-1]

    def order(self, i: int, j: int) -> Order:
        """Return how the values of a pair lie on each other."""
        a, b = self.one[i], self.other[j]
        turned_a, turned_b = _db(a.samples, b.samples[:1])[:, 0], _db(a.samples[:1], b.samples)[0]
        if turned_a.max() >= turned_b.max():
            return Order(False, a.orders[int(turned_a.argmax())])
        return Order(True, b.orders[int(turned_b.argmax())])


def chain(scores: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the pairs, rising in row and column, with the largest sum of scores; those without a score are left out.

    It is the alignment of Needleman and Wunsch (1970), with gaps that cost nothing.

    Args:
        scores: float64 [rows, columns], at least 0.
    """
    import numpy as np

    rows, columns = scores.shape
    total = np.zeros((rows + 1, columns + 1))
    for i in range(rows):
        paired = np.maximum(total[i, 1:], total[i, :-1] + scores[i])
        total[i + 1, 1:] = np.maximum.accumulate(paired)
    pairs = []
    i, j = rows, columns
    while i and j:
        if total[i, j] == total[i - 1, j]:
            i -= 1
        elif total[i, j] == total[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


def _best_db(one: Sequence[Layer], other: Sequence[Layer]) -> NDArray[np.float64]:
    """Compare layers of one size, in the order that suits each pair best: decibels [A, B]."""
    import numpy as np

    plain = [np.stack([layer.samples[0] for layer in side]) for side in (one, other)]
    turned = [np.concatenate([layer.samples for layer in side]) for side in (one, other)]
    begins = [np.cumsum([0, *(len(layer.orders) for layer in side)])[:-1] for side in (one, other)]
    turned_a = np.maximum.reduceat(_db(turned[0], plain[1]), begins[0], axis=0)
    turned_b = np.maximum.reduceat(_db(plain[0], turned[1]), begins[1], axis=1)
    return np.asarray(np.maximum(turned_a, turned_b))


def _db(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compare vectors [A, places] with vectors [B, places]: decibels [A, B] between 0 and _FULL_DB.

    Vectors with a value that is no number are like no other.
    """
    import numpy as np

    sound = np.isfinite(rows).all(axis=1, keepdims=True) & np.isfinite(columns).all(axis=1, keepdims=True).T
    rows, columns = (np.nan_to_num(side, posinf=0, neginf=0) for side in (rows, columns))
    signal, other = np.square(rows).sum(1)[:, None], np.square(columns).sum(1)
    lost = np.maximum(signal + other - 2 * rows @ columns.T, (signal + other) * 10 ** (-_FULL_DB / 10))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(lost == 0, np.inf, signal / lost)
        return np.asarray(np.where(sound, np.clip(10 * np.log10(ratio), 0, _FULL_DB), 0.0))
