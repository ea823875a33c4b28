"""The graph of a run's nodes, from top to bottom (Sugiyama, Tagawa and Toda, 1981): layers, then fewer crossings."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 136, 50, 16, 34, 4
_SWEEPS = 8


@dataclass(frozen=True)
class Placed:
    """A node's box: its left upper corner."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    """A connection as an SVG path."""

    source: str
    target: str
    path: str


@dataclass(frozen=True)
class Graph:
    """The drawing; `implied` counts connections that are left out, as a longer way says the same."""

    width: int
    height: int
    boxes: list[Placed]
    edges: list[Edge]
    implied: int


def layout(upstream: Mapping[str, Iterable[str]]) -> Graph:
    """Place nodes.

    Args:
        upstream: by node, those it needs, in an order in which needs come first; others are left out.
    """
    needs = {name: [one for one in dict.fromkeys(wanted) if one in upstream] for name, wanted in upstream.items()}
    kept = _without_implied(needs)
    implied = sum(map(len, needs.values())) - sum(map(len, kept.values()))
    drawing = _Drawing.of(kept)
    drawing.order()
    places = drawing.places()
    width = int(max((x for x, _ in places.values()), default=0) + BOX_WIDTH + MARGIN)
    height = int(max((y for _, y in places.values()), default=0) + BOX_HEIGHT + MARGIN)
    edges = [
        Edge(source, target, _path([places[stop] for stop in stops]))
        for (source, target), stops in drawing.ways.items()
    ]
    return Graph(width, height, [Placed(name, *places[name]) for name in needs], edges, implied)


def _without_implied(needs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Leave out what another need needs in turn (the transitive reduction)."""
    above: dict[str, set[str]] = {}
    for name, wanted in needs.items():
        above[name] = set(wanted).union(*(above.get(one, set()) for one in wanted))
    return {
        name: [one for one in wanted if not any(one in above.get(other, ()) for other in wanted)]
        for name, wanted in needs.items()
    }


@dataclass
class _Drawing:
    """Layers of nodes, and of the points where long edges pass.

    Attributes:
        ways: by edge, its stops from source to target.
    """

    layers: list[list[str]] = field(default_factory=list)
    ways: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, needs: Mapping[str, Sequence[str]]) -> _Drawing:
        depth: dict[str, int] = {}
        for name, wanted in needs.items():
            depth[name] = 1 + max((depth[one] for one in wanted if one in depth), default=-1)
        made = cls([[] for _ in range(max(depth.values(), default=-1) + 1)])
        for name, level in depth.items():
            made.layers[level].append(name)
        for target, wanted in needs.items():
            for source in wanted:
                passing = [f"\0{source}\0{target}\0{level}" for level in range(depth[source] + 1, depth[target])]
                for level, point in enumerate(passing, depth[source] + 1):
                    made.layers[level].append(point)
                made.ways[source, target] = [source, *passing, target]
        return made

    def order(self) -> None:
        """Move what is connected close together: each to the mean of its neighbours, down and up again."""
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            near = self._neighbours(down)
            levels = range(1, len(self.layers)) if down else range(len(self.layers) - 2, -1, -1)
            for level in levels:
                beside = {name: i for i, name in enumerate(self.layers[level - 1 if down else level + 1])}
                own = {name: i for i, name in enumerate(self.layers[level])}
                self.layers[level].sort(key=lambda name, own=own, beside=beside: _mean(near, name, own, beside))  # type: ignore[misc]

    def _neighbours(self, down: bool) -> dict[str, list[str]]:
        near: dict[str, list[str]] = {}
        for stops in self.ways.values():
            for above, below in itertools.pairwise(stops):
                near.setdefault(below if down else above, []).append(above if down else below)
        return near

    def places(self) -> dict[str, tuple[float, float]]:
        """Return the left upper corners; each layer is centred."""
        widths = [sum(_width(name) + GAP_X for name in layer) - GAP_X for layer in self.layers]
        widest = max(widths, default=0)
        places: dict[str, tuple[float, float]] = {}
        for level, (layer, width) in enumerate(zip(self.layers, widths, strict=True)):
            x = MARGIN + (widest - width) / 2
            for name in layer:
                places[name] = round(x - (BOX_WIDTH - _width(name)) / 2, 1), MARGIN + level * (BOX_HEIGHT + GAP_Y)
                x += _width(name) + GAP_X
        return places


def _width(name: str) -> float:
    return GAP_X if name.startswith("\0") else BOX_WIDTH


def _mean(
    near: Mapping[str, Sequence[str]], name: str, own: Mapping[str, int], beside: Mapping[str, int]
) -> tuple[float, int]:
    places = [beside[one] for one in near.get(name, ()) if one in beside]
    return (sum(places) / len(places) if places else own[name]), own[name]


def _path(corners: Sequence[tuple[float, float]]) -> str:
    """A curve from the bottom of the first box through the middles of the others to the top of the last."""
    middle = BOX_WIDTH / 2
    x, y = corners[0][0] + middle, corners[0][1] + BOX_HEIGHT
    text = [f"M{x:g} {y:g}"]
    for left, top in corners[1:]:
        to, bend = left + middle, (top - y) / 2
        text.append(f"C{x:g} {y + bend:g} {to:g} {top - bend:g} {to:g} {top:g}")
        x, y = to, top
        if (left, top) != corners[-1]:
            y = top + BOX_HEIGHT
            text.append(f"L{x:g} {y:g}")
    return "".join(text)
