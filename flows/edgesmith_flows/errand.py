"""Make a node that a run on another machine handed over.

This machine has its own folder, store and plugins. It fetches the inputs from the remote store, computes the key with
its own tools' versions, and sends the result there. It refuses what it can't confirm (see `Identities.claims`), since
the result would then stand under a key that says something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgesmith.errors import EdgesmithError, StageFailed, UserError, unknown
from edgesmith.ports import output_kind
from edgesmith.refs import DatasetRef, TargetRef
from edgesmith.target import Target, make_target
from edgesmith_flows.action import Action
from edgesmith_flows.errand_document import Errand, first_of
from edgesmith_flows.explain import differences
from edgesmith_flows.identity import Identities, work_pool
from edgesmith_flows.outcome import Listener, NodeResult
from edgesmith_flows.pipeline import DatasetUse, Need, Node, Pipeline
from edgesmith_flows.plan import Plan, Step, input_digests
from edgesmith_flows.references import files_of
from edgesmith_flows.registry import Registry, load_registry
from edgesmith_flows.remote import Remote
from edgesmith_flows.run import executing
from edgesmith_flows.session import Session
from edgesmith_flows.store import Store
from edgesmith_flows.toolchains import Toolchains


def do_errand(errand: Errand, store: Path, remote: str | None, listener: Listener) -> NodeResult:
    """Make the node here, or find it here, and see that the result is on the remote store.

    Args:
        store: this machine's store.
        remote: this machine's own setting for the shared store, if it has one.

    Raises:
        UserError: a plugin, dataset or file is missing here, or this machine can't confirm the errand's claims.
        EdgesmithError: an input can't be fetched, the stage failed, or the result can't be sent.
    """
    registry = load_registry(errand.plugins, Path.cwd())
    node = node_of(errand, registry)
    opened = Store.open(store)
    identities = Identities(registry, Toolchains(), opened.memo(), errand.seed)
    pipeline = Pipeline(errand.node, "", Path("errand"), {node.name: node}, (), errand.seed)
    session = Session(pipeline, registry, opened, identities)
    shared = Remote(remote or errand.remote, lambda text: listener.logged(node.name, "WARNING", text))
    given = _given(errand, node)
    with opened.lease():
        _confirm(errand, node, identities, given)
        _fetch(errand, shared, opened)
        plan = Plan(pipeline, {node.name: Step(node, "run")})
        forced = {node.name} if errand.force else set()
        # One measurement at a time on this machine, whoever asks.
        with (
            executing(session, plan, forced, listener, "threads") as (executor, _),
            opened.lock("errands", executor.stop_if_cancelled),
        ):
            executor.remote = shared
            executor.results.update(given)
            result = executor.make(node.name)
        _send(result.action, shared, opened)
    return result


def node_of(errand: Errand, registry: Registry) -> Node:
    """Return the node, checked with this machine's plugins.

    Raises:
        UserError: a stage, target, dataset, artifact kind or file is not here, or the params don't fit.
    """
    stage = registry.find("stage", registry.stages, errand.stage)
    params = _checked(f"the stage {stage.name}", lambda: stage.Params.model_validate(errand.params))
    if odd := sorted(set(errand.inputs) - set(stage.inputs)):
        raise UserError(unknown(f"input port of {stage.name}", odd[0], stage.inputs))
    kinds = {
        port: tuple(registry.find("artifact kind", registry.kinds, one.kind) for one in errand.inputs.get(port, ()))
        for port in stage.inputs
    }
    needs = {port: tuple(Need(one.node, one.port) for one in errand.inputs.get(port, ())) for port in stage.inputs}
    refs = {field: getattr(params, field) for field in stage.Params.model_fields}
    datasets = {field: _dataset(ref, registry) for field, ref in refs.items() if isinstance(ref, DatasetRef)}
    files = files_of(params)
    if lost := [path for path in files.values() if not path.is_file()]:
        raise UserError(f"there is no file {str(lost[0])!r} on this machine")
    stage.check(params, kinds, {field: use.dataset for field, use in datasets.items()})
    ref = refs.get("target")
    return Node(
        name=errand.node,
        base=errand.node,
        stage=stage,
        params=params,
        needs=needs,
        kinds=kinds,
        output_kinds={port: output_kind(spec, kinds) for port, spec in stage.outputs.items()},
        toolchain=stage.toolchain(params, kinds),
        datasets=datasets,
        files=files,
        timeout=errand.timeout,
        target=_target(ref, registry) if isinstance(ref, TargetRef) else None,
        recipe_code=tuple(errand.recipe_code),
    )


def _target(ref: TargetRef, registry: Registry) -> Target:
    cls = registry.find("target", registry.targets, ref.name)
    target: Target = _checked(f"the target {ref.name}", lambda: make_target(cls, ref.params))
    target.check()
    return target


def _dataset(ref: DatasetRef, registry: Registry) -> DatasetUse:
    cls = registry.find("dataset", registry.datasets, ref.name)
    dataset = _checked(f"the dataset {ref.name}", lambda: cls(cls.Params(**ref.params)))
    dataset.check()
    return DatasetUse(ref, dataset)


def _checked(what: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ValidationError as error:
        raise UserError(f"{what} has other params on this machine: {first_of(error)}") from error


def _given(errand: Errand, node: Node) -> dict[str, NodeResult]:
    """Return what the node needs, as results of nodes that can't be made here: each needs one that doesn't exist."""
    outputs: dict[str, dict[str, str]] = {}
    for one in (each for inputs in errand.inputs.values() for each in inputs):
        outputs.setdefault(one.node, {})[one.port] = one.digest
    return {
        name: NodeResult(replace(node, name=name, needs={"": (Need("", ""),)}), "cached", Action("", given, {}, {}))
        for name, given in outputs.items()
    }


def _confirm(errand: Errand, node: Node, identities: Identities, given: Mapping[str, NodeResult]) -> None:
    if work_pool(node) is not None:
        raise UserError("this machine was asked to hand the node on; name a target that is there")
    outputs = {name: result.action.outputs for name, result in given.items() if result.action}
    found = list(differences(errand.claims, identities.claims(node, input_digests(node, outputs))))
    if found:
        raise UserError(
            f"this machine would make something else: {'; '.join(found)}",
            hint="`source` is the stage's code, `datasets` the data: install the same edgesmith and plugins on both "
            "machines, have the same data there, then run again",
        )


def _fetch(errand: Errand, remote: Remote, store: Store) -> None:
    for digest in sorted({one.digest for inputs in errand.inputs.values() for one in inputs}):
        if not remote.pull_artifact(store, digest):
            raise StageFailed(
                f"the artifact {digest[:12]} can't be fetched from {remote.place} on this machine",
                hint="EDGESMITH_REMOTE here, where it is set, must lead to the same store as on the machine that asks; "
                "credentials come from the protocol's usual variables and files",
            )


def _send(action: Action | None, remote: Remote, store: Store) -> None:
    if action is None:
        raise EdgesmithError("the node gave nothing")
    remote.push_action(store, action)
    if remote.peek(action.key) is None:
        raise StageFailed(
            f"it was made, but the result can't be sent to {remote.place} from this machine",
            hint="this machine needs to write there; it keeps the result, so that the next try only sends it",
        )
