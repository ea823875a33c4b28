"""Training's own checkpoint: what a killed run goes on from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

FILE = "training.pt"


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values to `folder`, whole or not at all."""
    import torch

    partial = folder / f"{FILE}.partial"
    with partial.open("wb") as stream:
        torch.save(state, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(folder / FILE)


def read_checkpoint(folder: Path, identity: str) -> dict[str, Any] | None:
    """Return what `write_checkpoint` wrote, or None if there is nothing readable with this `identity`."""
    import torch

    file = folder / FILE
    if not file.is_file():
        return None
    try:
        state = dict(torch.load(file, map_location="cpu", weights_only=True))
    except Exception:  # torch raises a dozen kinds for a damaged file, and the answer to all is to start afresh
        return None
    return state if state.get("identity") == identity else None
