"""The files of a Core AI package: equal programs are equal bytes, and damage is seen before it is run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from edgesmith import UserError
from edgesmith_coreai.bytecode import stable

PROGRAM, HASH, METADATA = "main.mlirb", "main.hash", "metadata.json"
"""What a package holds: the program, the SHA-256 of its bytes, and who made it."""


def normalise(package: Path) -> None:
    """Take out of a package what changes from run to run: seeded names, the time, the order of its metadata."""
    program = stable((package / PROGRAM).read_bytes())
    (package / PROGRAM).write_bytes(program)
    (package / HASH).write_bytes(hashlib.sha256(program).digest())
    metadata = json.loads((package / METADATA).read_text(encoding="utf-8"))
    metadata.pop("creationDate", None)
    (package / METADATA).write_text(json.dumps(metadata, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def require_intact(package: Path) -> None:
    """Raise UserError unless the program is the one that its hash was made of: Core AI crashes on some damaged ones."""
    try:
        whole = hashlib.sha256((package / PROGRAM).read_bytes()).digest() == (package / HASH).read_bytes()
    except OSError as error:
        raise UserError(f"{package} is not a Core AI package: {error}") from error
    if not whole:
        raise UserError(f"the Core AI package {package} is damaged: its program does not fit its hash")
