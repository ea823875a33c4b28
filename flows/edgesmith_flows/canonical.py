"""A canonical, type-tagged form of JSON-like values, and its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def tagged(value: Any) -> Any:
    """Return `value` with every scalar's type spelled out, so that 1, 1.0, True and "1" differ.

    Mappings are ordered by key; lists and tuples are alike.

    Raises:
        TypeError: for a value that has no JSON form.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, Mapping):
        pairs = sorted(((str(key), tagged(item)) for key, item in value.items()), key=lambda pair: pair[0])
        return {"map": [list(pair) for pair in pairs]}
    if isinstance(value, (list, tuple)):
        return {"list": [tagged(item) for item in value]}
    raise TypeError(f"{type(value).__name__} can't be part of a key")


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical form, in hex."""
    return hashlib.sha256(json.dumps(tagged(value), separators=(",", ":")).encode()).hexdigest()
