"""Where a run's figures come from: library versions, machine, targets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgesmith_flows.report.facts import Facts


def tools(facts: Facts) -> list[tuple[str, str, str]]:
    """Return each library's version with the nodes that ran with it."""
    found: dict[tuple[str, str], list[str]] = {}
    for node in facts.nodes.values():
        for name, version in _versions(node.document):
            users = found.setdefault((name, version), [])
            if node.name not in users:
                users.append(node.name)
    return [(name, version, ", ".join(users)) for (name, version), users in sorted(found.items())]


def _versions(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    parts = [document.get("tools"), *_values(document.get("toolchains"))]
    parts += [one.get("tools") for one in _values(document.get("runtimes")) if isinstance(one, Mapping)]
    return [(str(n), str(v)) for part in parts if isinstance(part, Mapping) for n, v in part.items()]


def _values(mapping: Any) -> list[Any]:
    return list(mapping.values()) if isinstance(mapping, Mapping) else []


def machine(facts: Facts) -> list[tuple[str, str]]:
    """Return what is known of where it ran: the run's machine, and the targets that were measured on."""
    found = [(name, str(value)) for name, value in facts.machine.items()]
    for node in facts.nodes.values():
        target = node.document.get("target")
        if isinstance(target, Mapping):
            found.append((f"target {target.get('name', '?')}", _told(target.get("identity", {}))))
    return list(dict.fromkeys(found))


def _told(identity: Any) -> str:
    """Write what a target says of itself as people read it; what is nested, as JSON."""
    if not isinstance(identity, Mapping):
        return str(identity)
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
        for name, value in sorted(identity.items())
    }
    return ", ".join(f"{name.replace('_', ' ')}: {text}" for name, text in texts.items())
