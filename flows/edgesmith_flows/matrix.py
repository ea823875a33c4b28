"""Expand `matrix:`: one node per combination, and connections between combinations."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_ODD = re.compile(r"[^A-Za-z0-9_.-]+")


def combinations(base: str, matrix: Mapping[str, list[Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (node name, axis values); just (base, {}) without a matrix.

    A combination is called `base@value-value`; where two would be called the same, later ones get a number.
    """
    if not matrix:
        yield base, {}
        return
    taken: dict[str, int] = {}
    for values in itertools.product(*matrix.values()):
        name = f"{base}@{'-'.join(_slug(value) for value in values)}"
        taken[name] = taken.get(name, 0) + 1
        yield (name if taken[name] == 1 else f"{name}-{taken[name]}"), dict(zip(matrix, values, strict=True))


def _slug(value: Any) -> str:
    return _ODD.sub("_", str(value)).strip("_") or "none"


class Combinations:
    """The combinations of one entry, found by the values of some of their axes."""

    def __init__(self, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the axis values of each combination, by node name; all have the same axes."""
        self.nodes = nodes
        self._by_values: dict[tuple[str, ...], dict[str, list[str]]] = {}

    def matching(self, wanted: Mapping[str, Any]) -> list[str]:
        """Return the combinations that agree with `wanted` on every axis they share."""
        axes = next(iter(self.nodes.values()), {})
        shared = tuple(axis for axis in axes if axis in wanted)
        if shared not in self._by_values:
            index = self._by_values[shared] = {}
            for name, values in self.nodes.items():
                index.setdefault(_values(shared, values), []).append(name)
        return list(self._by_values[shared].get(_values(shared, wanted), []))


def _values(axes: Iterable[str], values: Mapping[str, Any]) -> str:
    return json.dumps([values[axis] for axis in axes], sort_keys=True, default=str)
