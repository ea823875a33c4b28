"""What stands on a remote besides file contents: names, records and manifests, checked before they are believed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from edgesmith_flows.action import Action, read_action
from edgesmith_flows.canonical import digest

LARGEST = 64 << 20
"""Bytes of the largest record or manifest that is read: some 300,000 files."""
DIGEST = re.compile(r"[0-9a-f]{64}")
_DEEPEST = 64
_LONGEST = 1e9


def action_name(key: str) -> str:
    """Return the name of a key's record."""
    return f"actions/{key[:2]}/{key}.json"


def manifest_name(artifact: str) -> str:
    """Return the name of an artifact's manifest."""
    return f"manifests/{artifact[:2]}/{artifact}.json"


def blob_name(blob: str) -> str:
    """Return the name of a file content."""
    return f"blobs/{blob[:2]}/{blob}"


def known_key(name: str) -> str | None:
    """Return the key that an object's name is the record of, or None if it is another object."""
    key = name.rpartition("/")[2].removesuffix(".json")
    return key if DIGEST.fullmatch(key) and name == action_name(key) else None


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """Return a manifest as it is stored."""
    return json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"


def same_result(one: Action, other: Action) -> bool:
    """Tell whether two makings of a key gave the same, however long they took."""
    texts = {json.dumps([dict(each.outputs), dict(each.figures)], sort_keys=True) for each in (one, other)}
    return len(texts) == 1


def read_record(key: str, content: bytes) -> Action:
    """Return what a key gave, from its record.

    Raises:
        ValueError: it isn't a record, or not that of `key`.
    """
    found = _read(content, "a record")
    if not all(isinstance(found.get(name), dict) for name in ("outputs", "figures", "document")):
        raise ValueError("it isn't a record")
    if not all(_is_digest(output) for output in found["outputs"].values()):
        raise ValueError("it names an output that isn't a digest")
    if type(found.get("seconds", 0)) not in (int, float) or not 0 <= found.get("seconds", 0) <= _LONGEST:
        raise ValueError("its seconds are not a duration")
    if digest(found["document"]) != key:
        raise ValueError("its document doesn't give its key")
    return read_action(key, content)


def read_manifest(artifact: str, content: bytes) -> dict[str, Any]:
    """Return an artifact's manifest: its kind and, by relative path, each file's SHA-256 and size.

    Raises:
        ValueError: it isn't a manifest, or not that of `artifact`, or has a path that isn't plainly below a folder.
    """
    found = _read(content, "a manifest")
    kind, files = found.get("kind"), found.get("files")
    if set(found) != {"kind", "files"} or not (
        isinstance(kind, str) and kind.isprintable() and isinstance(files, dict)
    ):
        raise ValueError("it isn't a manifest")
    sizes: dict[str, int] = {}
    for path, entry in files.items():
        parts = path.split("/")
        if not path.isprintable() or len(path) > 1024 or "\\" in path or {"", ".", ".."} & set(parts):
            raise ValueError(f"it has a path that is not allowed: {path[:100]!r}")
        if any("/".join(parts[:length]) in files for length in range(1, len(parts))):
            raise ValueError(f"it has a file below a file: {path[:100]!r}")
        if not (isinstance(entry, list) and len(entry) == 2 and _is_digest(entry[0]) and _is_size(entry[1])):
            raise ValueError(f"it has no digest and size for {path[:100]!r}")
        if sizes.setdefault(entry[0], entry[1]) != entry[1]:
            raise ValueError(f"it has two sizes of one content, {entry[0]}")
    if digest(found) != artifact:
        raise ValueError("it doesn't fit its name")
    return found


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 0


def _read(content: bytes, what: str) -> dict[str, Any]:
    if len(content) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST:,} bytes")
    try:
        found = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        raise ValueError("it isn't JSON") from error
    if not isinstance(found, dict):
        raise ValueError(f"it isn't {what}")
    if not _shallow(found, _DEEPEST):
        raise ValueError("it is nested too deeply")
    return found


def _shallow(value: Any, levels: int) -> bool:
    """Tell whether a value's nesting is one that the functions that walk it recursively can bear."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_shallow(one, levels - 1) for one in inner)
