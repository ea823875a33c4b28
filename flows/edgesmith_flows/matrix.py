"""Expand `matrix:`: one node per combination, and connections between combinations."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
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


def matching(wanted: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return those combinations of a needed node that agree with `wanted` on every axis they share.

    Args:
        wanted: the axis values of the node that needs.
        nodes: by name, the axis values of the needed node's combinations.
    """
    return [
        name
        for name, axes in nodes.items()
        if all(wanted[axis] == value for axis, value in axes.items() if axis in wanted)
    ]
