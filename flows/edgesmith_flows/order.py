"""Topological order, with the cycles named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def sort_topologically(edges: Mapping[str, Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Order nodes so that each stands after all that it needs, keeping the given order where it is free.

    Args:
        edges: by node, the nodes that it needs; all of them are keys too.

    Returns:
        The order, and each cycle found as a path that ends where it begins.
    """
    order: list[str] = []
    loops: list[list[str]] = []
    done: set[str] = set()
    for root in edges:
        stack = [(root, 0)]
        active: dict[str, None] = {}
        while stack:
            node, index = stack.pop()
            if index == 0:
                if node in done:
                    continue
                active[node] = None
            if index < len(edges[node]):
                stack.append((node, index + 1))
                following = edges[node][index]
                if following in active:
                    path = list(active)
                    loops.append([*path[path.index(following) :], following])
                elif following not in done:
                    stack.append((following, 0))
                continue
            del active[node]
            done.add(node)
            order.append(node)
    return order, loops
