"""What a key gave, and its record on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Action:
    """What a key gave.

    Attributes:
        outputs: artifact digest by output port.
        figures: what the stage returned.
        document: the key's document, for `explain`.
        seconds: how long it took.
        deterministic: whether the stage says that making it again gives the same bytes.
        warnings: what was logged as one, or worse, while it was made; each text once.
        through: keys of the nodes of pipelines that it ran.
    """

    key: str
    outputs: Mapping[str, str]
    figures: Mapping[str, Any]
    document: Mapping[str, Any]
    seconds: float = 0.0
    deterministic: bool = True
    warnings: tuple[str, ...] = ()
    through: tuple[str, ...] = ()


def action_bytes(action: Action) -> bytes:
    """Return an action's record, as it is stored."""
    body = {
        "outputs": dict(action.outputs),
        "figures": dict(action.figures),
        "document": dict(action.document),
        "seconds": round(action.seconds, 3),
        "deterministic": action.deterministic,
        "warnings": list(action.warnings),
        **({"through": list(action.through)} if action.through else {}),
    }
    return json.dumps(body, indent=1, sort_keys=True).encode() + b"\n"


def read_action(key: str, content: bytes) -> Action:
    """Read an action's record; raise ValueError where it is none."""
    try:
        found = json.loads(content)
        seconds, same = float(found.get("seconds", 0)), bool(found.get("deterministic", True))
        warnings = tuple(map(str, found.get("warnings", ())))
        outputs, figures, document = dict(found["outputs"]), dict(found["figures"]), dict(found["document"])
        through = tuple(map(str, found.get("through", ())))
        return Action(key, outputs, figures, document, seconds, same, warnings, through)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an action's record: {error}") from error
