"""The plan: for each node, whether its result is in the store, and if not, why it will run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edgesmith_flows.explain import reason
from edgesmith_flows.identity import Identities
from edgesmith_flows.pipeline import Node, Pipeline
from edgesmith_flows.store import Action, Store

State = Literal["cached", "run", "wait"]


@dataclass(frozen=True)
class Step:
    """What the plan says of one node.

    Attributes:
        state: `cached`; `run` (its key is known and not in the store); or `wait` (it depends on a node that runs, so
            it runs unless that one gives the same bytes as before).
        why: the reason, for people.
    """

    node: Node
    state: State
    why: str
    key: str | None = None
    action: Action | None = None

    @property
    def told(self) -> str:
        """The state in words."""
        return {"cached": "cached", "run": "will run", "wait": "will run if its inputs change"}[self.state]


@dataclass(frozen=True)
class Plan:
    """Steps by node name, each after those it needs."""

    pipeline: Pipeline
    steps: Mapping[str, Step]

    @property
    def done(self) -> bool:
        """Whether every node is cached."""
        return all(step.state == "cached" for step in self.steps.values())


def input_digests(node: Node, outputs: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return artifact digests by input port.

    Args:
        outputs: by finished node, its artifact digests by output port.
    """
    return {port: [outputs[need.node][need.port] for need in needs] for port, needs in node.needs.items()}


def make_plan(
    pipeline: Pipeline,
    store: Store,
    identities: Identities,
    *,
    only: set[str] | None = None,
    force: set[str] | None = None,
) -> Plan:
    """Plan a pipeline, reading only the store's index and file stats.

    Args:
        only: plan these nodes and nothing else (they must include what they need).
        force: nodes to run even if cached.
    """
    steps: dict[str, Step] = {}
    outputs: dict[str, Mapping[str, str]] = {}
    for name, node in pipeline.nodes.items():
        if only is not None and name not in only:
            continue
        steps[name] = _step(pipeline.name, node, store, identities, outputs, force or set())
        action = steps[name].action
        if action is not None and steps[name].state == "cached":
            outputs[name] = action.outputs
    return Plan(pipeline, steps)


def _step(
    pipeline: str,
    node: Node,
    store: Store,
    identities: Identities,
    outputs: Mapping[str, Mapping[str, Any]],
    force: set[str],
) -> Step:
    waits = [name for name in node.upstream if name not in outputs]
    if waits:
        return Step(node, "wait", f"depends on {', '.join(waits)}")
    missing = identities.missing(node)
    if missing:
        return Step(node, "run", f"its toolchain must be built ({', '.join(missing[0].requirements)})")
    document = identities.document(node, input_digests(node, outputs))
    key = identities.key(document)
    if node.name in force:
        return Step(node, "run", "forced", key)
    action = store.action(key)
    if action is None:
        return Step(node, "run", reason(store, pipeline, node.name, document), key)
    return Step(node, "cached", "", key, action)
