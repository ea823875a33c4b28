"""Fill a store with all that a pipeline of empty stages gives, without running it: RESULT PIPELINE STORE.

The records are those that a run would make, under the keys that it would plan. Nothing waits for the disk.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from edgesmith_flows.action import Action
from edgesmith_flows.plan import input_digests
from edgesmith_flows.session import open_session
from edgesmith_flows.settings import Settings


def fill(pipeline: str, store: Path) -> int:
    """Publish and record each node's result, needs first; return how many there are."""
    session = open_session(pipeline, Settings(store))
    outputs: dict[str, Mapping[str, str]] = {}
    with session.store.workspace() as workspace:
        for name, node in session.pipeline.nodes.items():
            document = session.identities.document(node, input_digests(node, outputs))
            folder = workspace / "note"
            folder.mkdir()
            line = f"{node.params.number} {len(node.needs['notes'])}\n"
            (folder / "note.txt").write_text(line, encoding="utf-8")
            outputs[name] = {"note": session.store.publish(folder, node.output_kinds["note"])}
            figures = {"number": node.params.number}
            session.store.record(Action(session.identities.key(document), outputs[name], figures, document))
    session.identities.memo.save()
    return len(outputs)


def main() -> None:
    """Fill the store."""
    os.fsync = lambda _: None  # type: ignore[assignment]  # what is measured comes later
    result, pipeline, store = sys.argv[1:]
    Path(result).write_text(json.dumps({"nodes": fill(pipeline, Path(store))}), encoding="utf-8")


if __name__ == "__main__":
    main()
