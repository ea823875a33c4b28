"""Which of coremltools' operations are made halves, when some are to stay in single precision."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from edgesmith_stages.coreml_export.trace import canonical


class Selector:
    """An `op_selector` for coremltools: True for the operations that are to be halves.

    Operations are chosen by their names in a finished program. While coremltools chooses, there are others: it puts
    transposes around an attention's matmuls and takes them back in the end, and merges a sigmoid and a product into a
    silu only then. Such an operation goes with those that read its result: a half between two that aren't would spoil
    what they were kept for, and stop them from being merged.

    Args:
        kept: operations that stay in single precision, by canonical name.
        known: all operations of the finished program, likewise.
    """

    def __init__(self, kept: Collection[str], known: Collection[str]) -> None:
        self._kept = frozenset(kept)
        self._known = self._kept | frozenset(known)

    def __call__(self, operation: Any) -> bool:
        """Tell of one PyMIL operation."""
        if not self._kept:
            return True
        seen = set()
        waiting = [operation]
        while waiting:
            one = waiting.pop()
            names = {canonical(value.name) for value in one.outputs}
            if names & self._kept:
                return False
            if names & self._known or one in seen:
                continue
            seen.add(one)
            waiting += [reader for value in one.outputs for reader in value.child_ops]
        return True
