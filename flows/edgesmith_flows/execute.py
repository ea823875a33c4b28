"""Make nodes: look the key up, else run the stage in its worker and publish what it made."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from edgesmith.artifacts import Model
from edgesmith.errors import Cancelled, EdgesmithError, StageFailed
from edgesmith_flows.action import Action, provisional_document
from edgesmith_flows.bridge import bridge_for
from edgesmith_flows.conduct import Conduct
from edgesmith_flows.fit import misfit
from edgesmith_flows.heard import Heard
from edgesmith_flows.identity import Identities, stage_toolchain, work_pool
from edgesmith_flows.job import make_job
from edgesmith_flows.nested import measures, run_nested
from edgesmith_flows.outcome import Listener, NodeResult, NodeState
from edgesmith_flows.per_input import refuse_odd
from edgesmith_flows.pipeline import Need, Node
from edgesmith_flows.plan import Plan, input_digests
from edgesmith_flows.quiet import QuietLock
from edgesmith_flows.registry import Registry
from edgesmith_flows.store import Store
from edgesmith_flows.worker.client import StageBug, WorkerPool

if TYPE_CHECKING:
    from edgesmith_flows.remote import Remote


@dataclass
class Executor:
    """Makes the nodes of one plan. `make` is called once per node, from any thread, needs first."""

    plan: Plan
    store: Store
    registry: Registry
    identities: Identities
    pool: WorkerPool
    listener: Listener
    force: set[str] = field(default_factory=set)
    remote: Remote | None = None
    results: dict[str, NodeResult] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    quiet: QuietLock = field(default_factory=QuietLock)

    def __post_init__(self) -> None:
        self.bridge = bridge_for(self.registry)
        self.identity_lock = threading.Lock()

    def make(self, name: str) -> NodeResult:
        """Make a node, or find it in the store.

        Raises:
            EdgesmithError: it failed; `results` holds it too.
        """
        node = self.plan.steps[name].node
        begun = time.monotonic()
        try:
            state, action = self._make(node, name in self.force)
        except EdgesmithError as error:
            state = "cancelled" if isinstance(error, Cancelled) else "failed"
            self.end(NodeResult(node, state, None, time.monotonic() - begun, error))
            raise
        except Exception as error:  # of a plugin's dataset, target or runtime, or of the engine
            bug = StageBug(f"a bug in edgesmith or a plugin: {type(error).__name__}: {error}", traceback.format_exc())
            self.end(NodeResult(node, "failed", None, time.monotonic() - begun, bug))
            raise bug from error
        return self.end(NodeResult(node, state, action, action.seconds))

    def skip(self, name: str) -> None:
        """Note that a node was not made because one that it needs wasn't."""
        self.end(NodeResult(self.plan.steps[name].node, "skipped"))

    def end(self, result: NodeResult) -> NodeResult:
        """Note how a node ended."""
        self.results[result.node.name] = result
        self.listener.ended(result)
        return result

    def outputs(self) -> dict[str, Mapping[str, str]]:
        """Return, by finished node, the artifact digests by output port."""
        return {name: r.action.outputs for name, r in self.results.items() if r.action is not None}

    def _make(self, node: Node, force: bool) -> tuple[NodeState, Action]:
        self.stop_if_cancelled()
        pool = work_pool(node)
        if pool is not None:
            from edgesmith_flows.handover import hand_over

            return hand_over(self, node, pool, force)
        for toolchain in self.identities.wanted(node):
            self.identities.toolchains.build(toolchain, lambda text: self.listener.logged(node.name, "INFO", text))
        while True:
            key, document, digests = self._key(node)
            action = None if force else self._here(node, key)
            if action is not None:
                return "cached", action
            with self.store.lock(key, self.stop_if_cancelled):
                action = None if force else self._find(node, key)
                if action is not None:
                    return "cached", action
                if not self.provide_inputs(node):
                    return "done", self._run(node, key, document, digests)
            # An input was made again and came out with other bytes, so that the key is another.

    def known(self, node: Node) -> Action | None:
        """Find what a node gave before, here or on the remote store, if its key can be known."""
        with self.identity_lock:
            told = self.identities.told(node)
        return self._find(node, self._key(node)[0]) if told else None

    def _find(self, node: Node, key: str) -> Action | None:
        """Look a key up here, then on the remote store."""
        action = self._here(node, key)
        if action is not None or self.remote is None:
            return action
        return self.remote.pull_action(self.store, key, node.gives)

    def _here(self, node: Node, key: str) -> Action | None:
        action = self.store.find(key)
        return None if action is None or misfit(action, node.gives, self.store) else action

    def stop_if_cancelled(self) -> None:
        """Raise Cancelled if the run was interrupted."""
        if self.cancelled.is_set():
            raise Cancelled("the run was interrupted")

    def _key(self, node: Node) -> tuple[str, dict[str, Any], dict[str, list[str]]]:
        digests = input_digests(node, self.outputs())
        with self.identity_lock:
            document = self.identities.document(node, digests)
        return self.identities.key(document), document, digests

    def provide_inputs(self, node: Node) -> bool:
        """See that the inputs' content is here and sound; tell whether one of them has other bytes now."""
        changed = [self._provide(need) for need in dict.fromkeys(chain(*node.needs.values()))]
        return any(changed)

    def _provide(self, need: Need) -> bool:
        result = self.results[need.node]
        if result.action is None:
            raise StageFailed(f"{need.node} gave nothing")
        digest = result.action.outputs[need.port]
        if self.store.verify(digest) is None:
            return False
        told = self.store.refuse(digest)
        if told is None:  # another node that needs it was faster
            return False
        if self.remote is not None and self.remote.pull_artifact(self.store, digest):
            self.listener.logged(need.node, "INFO", f"{told}; fetched from the remote store")
            return False
        if any(other not in self.results for other in result.node.upstream):
            raise StageFailed(
                f"the artifact {digest[:12]} that {need.node} gave is neither here nor on the remote store",
                hint="run again: a node whose result is lost is made again",
            )
        self.listener.logged(need.node, "WARNING", f"{told}; making it again")
        state, action = self._make(result.node, False)
        if state == "done" or action.outputs != result.action.outputs:
            self.end(NodeResult(result.node, state, action, action.seconds))
        return action.outputs[need.port] != digest

    def _run(self, node: Node, key: str, document: Mapping[str, Any], digests: Mapping[str, list[str]]) -> Action:
        environment = self.identities.toolchains.build(stage_toolchain(node))
        worker = self.pool.worker(environment, self.bridge, apart=node.name if node.pipelines else "")
        # What runs pipelines does no work itself, and must not keep their nodes from working.
        quiet = contextlib.nullcontext() if node.pipelines else self.quiet.hold(alone=node.stage.measures)
        heard = Heard()
        with worker.turn, quiet, self.store.workspace() as workspace:
            begun = time.monotonic()
            self.listener.started(node.name)
            job = make_job(
                node,
                store=self.store,
                registry=self.registry,
                identities=self.identities,
                bridge=self.bridge,
                digests=digests,
                workspace=workspace,
                key=key,
            )
            origin = self.registry.origins.get(("stages", node.stage.name), "?")
            who = f"the stage {node.stage.name} ({origin})"
            conduct = Conduct(node, origin, self.store, digests, workspace)
            try:
                figures = worker.run(job, lambda event: self._event(node, event, heard), node.timeout)
            except StageBug as error:
                raise StageBug(f"{who} failed: {error.message}", error.trace) from error
            conduct.check()
            refuse_odd(node, figures, who)
            seconds = time.monotonic() - begun
            outputs = {}
            for port, kind in node.output_kinds.items():
                folder = workspace / port
                main = folder / kind.main if issubclass(kind, Model) else folder
                if not main.exists() or not any(folder.iterdir()):
                    wanted = main.relative_to(workspace)
                    raise StageFailed(f"{who} said it was done, but wrote no {wanted}")
                outputs[port] = self.store.publish(folder, kind)
        measured = node.stage.measures or any(map(measures, node.pipelines.values()))
        same = node.stage.deterministic and not measured
        if heard.provisional:
            document = provisional_document(document, tuple(heard.provisional), outputs, figures)
        told = tuple(heard.warnings), tuple(heard.through)
        action = Action(self.identities.key(document), outputs, figures, document, seconds, same, *told)
        self.store.record(action)
        self.store.drop_scratch(key)
        if self.remote is not None:
            self.remote.push_action(self.store, action)
        return action

    def _event(self, node: Node, event: Mapping[str, Any], heard: Heard) -> dict[str, Any] | None:
        """Pass on what a stage tells; return the answer to what it asks."""
        if event["event"] == "progress":
            self.listener.progressed(node.name, event["done"], event["total"], event["figures"])
        elif event["event"] == "log":
            self.listener.logged(node.name, event["level"], event["text"])
            if event["level"] in ("WARNING", "ERROR", "CRITICAL"):
                heard.warnings[event["text"]] = None
        elif event["event"] == "provisional":
            heard.lost(event["why"])
        elif event["event"] == "ask":
            try:
                told = run_nested(self, node, event, heard)
            except EdgesmithError as error:
                told = {"failed_as": type(error).__name__, "message": error.message, "hint": error.hint}
            return {"op": "answer", **told}
        return None
