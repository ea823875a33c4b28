"""Which part of a node's key changed since the last run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from edgesmith_flows.action import provisional_reasons, settled
from edgesmith_flows.history import LastKeys
from edgesmith_flows.store import Store

_GONE = "its result is gone from the store"


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield, for each part of a key document that changed, its path, the old and the new value."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            inner = f"{path}.{name}" if path else str(name)
            if name not in new:
                yield f"{inner}: was {short(old[name])}, is gone"
            elif name not in old:
                yield f"{inner}: is new, {short(new[name])}"
            else:
                yield from differences(old[name], new[name], inner)
    elif json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True):
        yield f"{path}: {short(old)} -> {short(new)}"


def short(value: Any) -> str:
    """Write a value on one line, digests cut to 12 characters."""
    if isinstance(value, str) and len(value) == 64:
        return value[:12]
    if isinstance(value, list):
        return "[" + ", ".join(short(one) for one in value) + "]"
    return json.dumps(value, sort_keys=True)


def reasons(store: Store, last: LastKeys, node: str, document: Mapping[str, Any]) -> tuple[str, ...]:
    """Say why a node's key is not in the store: what changed, or one other reason."""
    key = last.of(node)
    before = store.recorded(key) if key is not None else None
    if before is None:
        return ("never run here",)
    found = tuple(differences(settled(before.document), document))
    why = provisional_reasons(before.document)
    return found or tuple(f"its last result was for that run only: {one}" for one in why) or (_GONE,)
