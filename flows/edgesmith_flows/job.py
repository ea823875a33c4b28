"""A node as a job for a worker: a JSON document, paths and names only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgesmith.artifacts import Model
from edgesmith.loading import object_name
from edgesmith.ports import as_port
from edgesmith_flows.identity import Identities, stage_tools
from edgesmith_flows.pipeline import Node
from edgesmith_flows.registry import Registry
from edgesmith_flows.store import Store


def make_job(
    node: Node,
    *,
    store: Store,
    registry: Registry,
    identities: Identities,
    bridge: Mapping[str, str],
    digests: Mapping[str, list[str]],
    workspace: Path,
    key: str,
) -> dict[str, Any]:
    """Return the job that makes `node`.

    Args:
        digests: by input port, the digests of what is connected.
        workspace: an empty folder; the outputs are made below it, one folder a port.
    """
    outputs = {}
    for port in node.output_kinds:
        (workspace / port).mkdir()
        outputs[port] = str(workspace / port)
    launches, reasons = _launches(node, registry, identities, bridge)
    return {
        "node": node.name,
        "stage": object_name(node.stage),
        "params": node.params.model_dump(mode="json"),
        "inputs": {port: _inputs(node, port, digests.get(port, []), store) for port in node.stage.inputs},
        "outputs": outputs,
        "seed": identities.seed,
        "scratch": str(store.scratch(key)),
        "datasets": {use.ref.name: object_name(type(use.dataset)) for use in node.datasets.values()},
        "launches": launches,
        "no_runtime": reasons,
        "tools": {
            name: {"python": identities.toolchains.build(toolchain).python, "bridge": dict(bridge)}
            for name, toolchain in stage_tools(node).items()
        },
        "targets": {name: object_name(target) for name, target in registry.targets.items()},
        "model_sources": {name: source.factory for name, source in registry.model_sources.items()},
    }


def _inputs(node: Node, port: str, digests: list[str], store: Store) -> Any:
    given = []
    for kind, digest in zip(node.kinds.get(port, ()), digests, strict=True):
        artifact = store.get(digest, kind)
        given.append({"kind": object_name(kind), "path": str(artifact.path), "digest": digest})
    if as_port(node.stage.inputs[port]).many:
        return given
    return given[0] if given else None


def _launches(
    node: Node, registry: Registry, identities: Identities, bridge: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    launches: dict[str, Any] = {}
    for kind, runtime in identities.runtimes(node).items():
        environment = identities.toolchains.build(runtime.toolchain())
        launches[kind] = {
            "name": runtime.name,
            "runtime": object_name(runtime),
            "python": environment.python,
            "bridge": dict(bridge),
        }
    kinds = {kind for kinds in node.kinds.values() for kind in kinds if issubclass(kind, Model)}
    reasons = {k.kind: registry.runtime_for(k)[1] for k in kinds if k.kind not in launches}
    return launches, reasons
