"""Whether a record is that of a node: who can write to a store can put anything under a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgesmith_flows.action import Action
from edgesmith_flows.store import Store


def misfit(action: Action, gives: Mapping[str, str], store: Store | None = None) -> str | None:
    """Say how what a key gave differs from what its node gives; None where it fits.

    Args:
        gives: by output port of the node, the name of its kind.
        store: has the outputs; without it only the ports are compared.
    """
    if set(action.outputs) != set(gives):
        return f"it has {_ports(action.outputs)}; expected {_ports(gives)}"
    if store is None:
        return None
    for port, kind in sorted(gives.items()):
        try:
            found = store.manifest(action.outputs[port])["kind"]
        except (OSError, ValueError):  # another thread found it damaged, and set it aside
            return f"its output {port!r} is gone"
        if found != kind:
            return f"its output {port!r} is of the kind {found!r}; expected {kind!r}"
    return None


def _ports(names: Iterable[str]) -> str:
    listed = ", ".join(map(repr, sorted(names)))
    return f"the outputs {listed}" if listed else "no output"
