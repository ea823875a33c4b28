"""What a key gave, and its record on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgesmith_flows.canonical import digest

_PROVISIONAL = "provisional"


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

    @property
    def provisional(self) -> tuple[str, ...]:
        """Why the result is good for the run that made it only; empty for one that later runs find."""
        return provisional_reasons(self.document)


def provisional_document(
    document: Mapping[str, Any], why: tuple[str, ...], outputs: Mapping[str, str], figures: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the key document of a result that no later run is to find.

    Nobody ever looks for it, as it says what came out: so the record is kept for the run that made it, as any other is,
    and the next run misses the node's own key.
    """
    gave = digest({"outputs": dict(outputs), "figures": dict(figures)})
    return {**document, _PROVISIONAL: {"why": list(why), "gave": gave}}


def provisional_reasons(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return why what has this key document was not kept for later runs; empty where it was."""
    told = document.get(_PROVISIONAL)
    return tuple(map(str, told["why"])) if told else ()


def settled(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document that the node's own key is of, whether or not the result was provisional."""
    return {name: part for name, part in document.items() if name != _PROVISIONAL}


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
