"""The artifact kind `bundle`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgesmith import Artifact, UserError

PREPROCESS = "preprocess.json"


@dataclass(frozen=True)
class Bundle(Artifact):
    """A model with all that an app needs to use it, and to check that it does.

    `preprocess.json` says which file the model is, what to feed it and what it answers; beside it lie `labels.txt`,
    `golden/`, `MODEL_CARD.md`, `check.py` and the app's sources in `swift/` or `kotlin/`.
    """

    kind = "bundle"

    def read(self) -> dict[str, Any]:
        """Return `preprocess.json`; raise UserError if it can't be read."""
        try:
            return dict(json.loads((self.path / PREPROCESS).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise UserError(f"the bundle in {self.path} cannot be read: {error}") from error

    @property
    def file(self) -> Path:
        """Path of the model file."""
        return self.path / str(self.read()["model"]["file"])
