"""What machines elsewhere told of themselves: the parts of a key that only the machine that measures can know.

A node that is handed to a work pool has these parts from the last answer to the same question, so that a result is
found again without asking. The first time there is no answer, and no key, until the node has run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgesmith_flows.canonical import digest
from edgesmith_flows.files import write_atomically

PARTS = ("tools", "toolchains", "runtimes", "target")
"""The parts of a key's document that depend on the machine."""


class Machines:
    """Answers, by question, in a folder of the store.

    Args:
        folder: made when there is something to write.
        scratch: a folder on the same file system, for files in the making.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch

    def told(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the parts that answer a question; None if it was never answered, or the answer can't be read."""
        try:
            found = json.loads(self._file(question).read_bytes())["parts"]
            return {name: found[name] for name in PARTS if name in found}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, question: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        """Keep the answer that a key's document holds."""
        parts = {name: document[name] for name in PARTS if name in document}
        self._folder.mkdir(exist_ok=True)
        text = json.dumps({"question": dict(question), "parts": parts}, indent=1, sort_keys=True)
        write_atomically(self._file(question), text.encode() + b"\n", self._scratch)

    def _file(self, question: Mapping[str, Any]) -> Path:
        return self._folder / f"{digest(question)}.json"
