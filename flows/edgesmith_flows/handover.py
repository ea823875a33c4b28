"""Hand a node to another machine: its inputs go to the remote store, and its result comes back from there.

The machine that makes the node decides its key (see `edgesmith_flows.errand`): it is the key that the node would have
had if the run had been started there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from edgesmith import CONTRACT
from edgesmith.errors import StageFailed, UserError
from edgesmith_flows.action import Action
from edgesmith_flows.errand_document import Errand, Input, version
from edgesmith_flows.explain import differences
from edgesmith_flows.identity import work_pool
from edgesmith_flows.outcome import NodeState
from edgesmith_flows.pipeline import Node
from edgesmith_flows.plan import input_digests
from edgesmith_flows.registry import LOCAL
from edgesmith_flows.transfer import shown

if TYPE_CHECKING:
    from edgesmith.target import WorkPool
    from edgesmith_flows.execute import Executor
    from edgesmith_flows.remote import Remote

Send = Callable[[dict[str, Any]], str]
"""Has an errand done; returns the key of its result."""


def refuse_unreachable(nodes: Iterable[Node], remote: Remote | None) -> None:
    """Raise UserError now for what would keep nodes from being handed over later."""
    pools = {pool.name: node.name for node in nodes if (pool := work_pool(node)) is not None}
    if not pools:
        return
    _shared(next(iter(pools.values())), remote)
    from edgesmith_flows.prefect_pool import check_pool

    for name in pools:
        check_pool(name)


def hand_over(executor: Executor, node: Node, pool: WorkPool, force: bool) -> tuple[NodeState, Action]:
    """Find a node's result, or have it made by a worker of a work pool.

    Raises:
        UserError: there is no remote store, Prefect API, work pool or worker; or the worker refused.
        StageFailed: it failed there, or its result didn't come.
        Cancelled: the run was interrupted.
    """
    from edgesmith_flows.prefect_pool import PoolRuns

    def send(job: dict[str, Any]) -> str:
        return PoolRuns(pool.name, pool.patience, executor.cancelled).run(
            f"{executor.plan.pipeline.name}/{node.name}",
            job,
            lambda level, text: executor.listener.logged(node.name, level, text),
            lambda done, total: executor.listener.progressed(node.name, done, total, {}),
        )

    return hand_over_with(send, executor, node, pool, force)


def hand_over_with(send: Send, executor: Executor, node: Node, pool: WorkPool, force: bool) -> tuple[NodeState, Action]:
    """Do what `hand_over` does, with another way to have an errand done."""
    remote = _shared(node.name, executor.remote)
    identities = executor.identities
    with executor.identity_lock:
        question = identities.question(node)
    with executor.store.lock(f"errand-{identities.key(question)}", executor.stop_if_cancelled):
        action = None if force else executor.known(node)
        if action is not None:
            return "cached", action
        while executor.provide_inputs(node):
            pass
        digests = input_digests(node, executor.outputs())
        _send_inputs(executor, digests, remote)
        executor.listener.started(node.name)
        with executor.identity_lock:
            errand = errand_of(node, pool, digests, executor, force, remote.url)
        key = send(errand.model_dump(mode="json"))
        action = remote.pull_action(executor.store, key, node.gives)
        if action is None:
            raise StageFailed(
                f"the work pool {pool.name!r} made the key {key[:12]}, but {remote.place} doesn't have it",
                hint="EDGESMITH_REMOTE on the worker's machine, where it is set, must lead to the same store as here",
            )
        _check(errand, action, pool)
        with executor.identity_lock:
            identities.remember(node, action.document)
    return "done", action


def errand_of(
    node: Node, pool: WorkPool, digests: Mapping[str, list[str]], executor: Executor, force: bool, remote: str
) -> Errand:
    """Return what the machine is told."""
    identities = executor.identities
    params = {**node.params.model_dump(mode="json"), "target": pool.target.model_dump(mode="json")}
    inputs = {
        port: [
            Input(node=need.node, port=need.port, kind=kind.kind, digest=digest)
            for need, kind, digest in zip(needs, node.kinds[port], digests[port], strict=True)
        ]
        for port, needs in node.needs.items()
    }
    return Errand(
        edgesmith=version(),
        contract=CONTRACT,
        node=node.name,
        stage=node.stage.name,
        params=params,
        inputs=inputs,
        claims=identities.claims(node, digests),
        seed=identities.seed,
        timeout=node.timeout,
        force=force,
        remote=shown(remote),
        plugins=[one.name for one in executor.registry.plugins if one.origin == LOCAL],
        recipe_code=list(node.recipe_code),
    )


def _shared(node: str, remote: Remote | None) -> Remote:
    if remote is None:
        raise UserError(
            f"{node}: a node that goes to a work pool needs a remote store, through which its inputs and its result "
            "travel, and none is configured",
            hint="--remote URL, EDGESMITH_REMOTE or `[tool.edgesmith] remote`: e.g. s3://bucket/prefix, or "
            "file:///mnt/share for a folder that both machines see",
        )
    return remote


def _send_inputs(executor: Executor, digests: Mapping[str, list[str]], remote: Remote) -> None:
    for digest in sorted({one for some in digests.values() for one in some}):
        if not remote.push_artifact(executor.store, digest):
            raise StageFailed(
                f"the artifact {digest[:12]} can't be sent to {remote.place}",
                hint="see the warning above, if there is one; the worker fetches the node's inputs from there",
            )


def _check(errand: Errand, action: Action, pool: WorkPool) -> None:
    """Refuse a result that is not that of the node that was asked for."""
    claims = {name: action.document[name] for name in errand.claims if name in action.document}
    if found := list(differences(errand.claims, claims)):
        raise StageFailed(f"the work pool {pool.name!r} made something else: {'; '.join(found)}")
