"""The plan: for each node, whether its result is in the store, and if not, why it will run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from edgesmith_flows.action import Action
from edgesmith_flows.explain import reasons
from edgesmith_flows.fit import misfit
from edgesmith_flows.history import LastKeys
from edgesmith_flows.identity import Identities
from edgesmith_flows.pipeline import Node, Pipeline
from edgesmith_flows.store import Store

State = Literal["cached", "run", "wait"]


@dataclass(frozen=True)
class Step:
    """What the plan says of one node.

    Attributes:
        state: `cached`; `run` (its key is known and not in the store); or `wait` (it depends on a node that runs, so
            it runs unless that one gives the same bytes as before).
        reasons: for people; for a node that runs, the parts of its key that changed.
        remote: its result is on the remote store, not here yet.
    """

    node: Node
    state: State
    reasons: tuple[str, ...] = ()
    key: str | None = None
    action: Action | None = None
    remote: bool = False

    @property
    def told(self) -> str:
        """The state in words."""
        if self.remote:
            return "cached on the remote store"
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
    remote: Callable[[Node, str], Action | None] = lambda _node, _key: None,
) -> Plan:
    """Plan a pipeline, reading only the store's index and file stats.

    Args:
        only: plan these nodes and nothing else (they must include what they need).
        force: nodes to run even if cached.
        remote: tells what a node's key that is not in the store gave elsewhere.
    """
    planner = _Planner(store, identities, LastKeys(store, pipeline.name), force or set(), remote)
    with store.gate.hold():
        steps = {name: planner.step(node) for name, node in pipeline.nodes.items() if only is None or name in only}
    return Plan(pipeline, steps)


@dataclass
class _Planner:
    store: Store
    identities: Identities
    last: LastKeys
    force: set[str]
    remote: Callable[[Node, str], Action | None]
    outputs: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def step(self, node: Node) -> Step:
        waits = [name for name in node.upstream if name not in self.outputs]
        if waits:
            return Step(node, "wait", (f"depends on {', '.join(waits)}",))
        missing = self.identities.missing(node)
        if missing:
            return Step(node, "run", (f"its toolchain must be built ({', '.join(missing[0].requirements)})",))
        if not self.identities.told(node):
            return Step(node, "run", ("the machine that will make it has not told yet what it is",))
        document = self.identities.document(node, input_digests(node, self.outputs))
        key = self.identities.key(document)
        if node.name in self.force:
            return Step(node, "run", ("forced",), key)
        here = self.store.find(key)
        odd = misfit(here, node.gives, self.store) if here else None
        if odd is not None:
            here = None
        action = here or self.remote(node, key)
        if action is None:
            why = (f"the store's record doesn't fit: {odd}",) if odd else None
            return Step(node, "run", why or reasons(self.store, self.last, node.name, document), key)
        self.outputs[node.name] = action.outputs
        return Step(node, "cached", (), key, action, remote=here is None)
