"""What goes into a node's key (docs/caching.md has the same list in words)."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgesmith.artifacts import Model, TorchModel
from edgesmith.dataset import Dataset
from edgesmith.runtime import Runtime
from edgesmith.stage import Toolchain
from edgesmith.target import WorkPool, make_target
from edgesmith_flows.blame import blamed
from edgesmith_flows.canonical import digest
from edgesmith_flows.machines import Machines
from edgesmith_flows.memo import Memo
from edgesmith_flows.pipeline import Node, PipelineUse
from edgesmith_flows.registry import Registry
from edgesmith_flows.source_digest import SourceDigests
from edgesmith_flows.toolchains import Environment, Toolchains


@dataclass
class Identities:
    """Computes key documents; remembers what several nodes share.

    Attributes:
        toolchains: must already hold the environments; see `missing`.
        machines: what machines elsewhere told of themselves, for nodes that a work pool makes.
    """

    registry: Registry
    toolchains: Toolchains
    memo: Memo
    seed: int
    machines: Machines | None = None
    _sources: SourceDigests = field(init=False)
    _fingerprints: dict[int, Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._sources = SourceDigests(self.memo)

    def missing(self, node: Node) -> list[Toolchain]:
        """Return the toolchains that must be built before the node's key can be known."""
        return [one for one in self.wanted(node) if self.toolchains.find(one) is None]

    def wanted(self, node: Node) -> list[Toolchain]:
        """Return the toolchains that the node runs in: its own, its tools', and those of the runtimes it opens.

        A node that a work pool makes runs in none of this machine's.
        """
        if work_pool(node) is not None:
            return []
        runtimes = [runtime.toolchain() for runtime in self.runtimes(node).values()]
        inner = [one for use in node.pipelines.values() for one in self._wanted_by(use)]
        return [stage_toolchain(node), *stage_tools(node).values(), *runtimes, *inner]

    def _wanted_by(self, use: PipelineUse) -> list[Toolchain]:
        identities = replace(self, registry=use.registry)
        nodes = [node for pipeline in use.variants for node in pipeline.nodes.values()]
        return [one for node in nodes for one in identities.wanted(node)]

    def runtimes(self, node: Node) -> dict[str, type[Runtime]]:
        """Return, by artifact kind, the runtime of this machine that the node's models are opened with."""
        if not node.stage.runs_models or (node.target is not None and node.target.own_runtime):
            return {}
        kinds = {kind for kinds in node.kinds.values() for kind in kinds if issubclass(kind, Model)}
        kinds |= {kind for kind in node.output_kinds.values() if issubclass(kind, Model)}
        found = {kind.kind: self.registry.runtime_for(kind)[0] for kind in sorted(kinds, key=lambda k: k.kind)}
        return {kind: runtime for kind, runtime in found.items() if runtime is not None}

    def document(self, node: Node, inputs: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return a node's key document: its claims, and what the machine that makes it adds.

        Args:
            inputs: artifact digests by input port.

        Raises:
            LookupError: a toolchain is not built, or a machine elsewhere has not told what it is (see `told`).
        """
        if work_pool(node) is None:
            return {**self.claims(node, inputs), **self._machine(node)}
        told = self._told(node)
        if told is None:
            raise LookupError(f"the machine that makes {node.name} has not told what it is")
        return {**self.claims(node, inputs), **told}

    def told(self, node: Node) -> bool:
        """Tell whether the machine that makes the node is known, so that its key can be."""
        return work_pool(node) is None or self._told(node) is not None

    def remember(self, node: Node, document: Mapping[str, Any]) -> None:
        """Keep what the machine that made a node told of itself in the key's document."""
        if self.machines is not None:
            self.machines.remember(self.question(node), document)

    def question(self, node: Node) -> dict[str, Any]:
        """Return what a machine of a work pool is asked to tell of itself: all that its part of the key depends on."""
        pool = work_pool(node)
        if pool is None:
            raise LookupError(f"{node.name} is made here")
        return {
            "pool": pool.name,
            "target": pool.target.model_dump(mode="json"),
            "kinds": {port: sorted({kind.kind for kind in kinds}) for port, kinds in node.kinds.items()},
            **self._call(node),
        }

    def _told(self, node: Node) -> dict[str, Any] | None:
        return None if self.machines is None else self.machines.told(self.question(node))

    def claims(self, node: Node, inputs: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return the part of a node's key document that is the same on every machine.

        Args:
            inputs: artifact digests by input port.
        """
        document: dict[str, Any] = {
            **self._call(node),
            "inputs": {port: list(digests) for port, digests in inputs.items() if digests},
            "seed": self.seed,
        }
        if node.datasets:
            document["datasets"] = {name: self._dataset(use.dataset) for name, use in node.datasets.items()}
        if node.files:
            document["files"] = {name: self.memo.digest(path) for name, path in node.files.items()}
        if node.pipelines:
            document["pipelines"] = {name: self._pipeline(use) for name, use in node.pipelines.items()}
        loaders = self._loaders(node)
        if loaders:
            document["loaders"] = loaders
        if node.recipe_code:
            document["recipe_code"] = {code: self._code(code) for code in node.recipe_code}
        return document

    def _pipeline(self, use: PipelineUse) -> dict[str, Any]:
        """Return what a pipeline is, in all its variants: by node, a digest of all but its inputs' bytes."""
        nodes: dict[str, list[Any]] = {}
        for pipeline in use.variants:
            identities = replace(self, registry=use.registry, seed=pipeline.seed)
            for name, node in pipeline.nodes.items():
                needs = {port: [[need.node, need.port] for need in needs] for port, needs in node.needs.items()}
                own = {} if work_pool(node) is None else {"elsewhere": identities.question(node)}
                here = identities._machine(node) if work_pool(node) is None else own
                nodes.setdefault(name, []).append({**identities.claims(node, {}), **here, "needs": needs})
        gates = sorted({gate for pipeline in use.variants for gate in pipeline.gates})
        return {"gates": gates, "nodes": {name: digest(documents) for name, documents in nodes.items()}}

    def _call(self, node: Node) -> dict[str, Any]:
        """Return which stage is called how."""
        stage = node.stage
        source = self._sources.of(stage)
        return {"stage": stage.name, "version": stage.version, "source": source, "params": node.own_params}

    def _machine(self, node: Node) -> dict[str, Any]:
        """Return the part of the document that is this machine's (`machines.PARTS`)."""
        document: dict[str, Any] = {"tools": dict(self._environment(stage_toolchain(node)).versions)}
        tools = stage_tools(node)
        if tools:
            document["toolchains"] = {name: dict(self._environment(one).versions) for name, one in tools.items()}
        runtimes = self.runtimes(node)
        if runtimes:
            document["runtimes"] = {kind: self._runtime(runtime) for kind, runtime in runtimes.items()}
        if node.stage.measures or node.target is not None:
            document["target"] = self._target(node)
        return document

    def key(self, document: Mapping[str, Any]) -> str:
        """Return the key of a document."""
        return digest(document)

    def _loaders(self, node: Node) -> dict[str, str]:
        """Return, by artifact kind, the source of what rebuilds the node's networks, where it isn't the stage's own."""
        kinds = {kind for kinds in node.kinds.values() for kind in kinds if issubclass(kind, TorchModel)}
        modules = {kind.kind: kind.loader.partition(":")[0] for kind in kinds}
        own = node.stage.__module__.partition(".")[0]
        foreign = {kind: module for kind, module in modules.items() if module.partition(".")[0] != own}
        return {kind: self._sources.of_module(module) for kind, module in sorted(foreign.items())}

    def _code(self, name: str) -> str:
        try:
            return self._sources.of_module(name.partition(":")[0])
        except ValueError:  # it is in the stage's toolchain only, whose versions are in the key
            return "not installed here"

    def _environment(self, toolchain: Toolchain) -> Environment:
        found = self.toolchains.find(toolchain)
        if found is None:
            raise LookupError(f"the toolchain for {toolchain.requirements} is not built")
        return found

    def _dataset(self, dataset: Dataset) -> dict[str, Any]:
        if id(dataset) not in self._fingerprints:
            with self._blamed("dataset", dataset.name, "fingerprint"):
                self._fingerprints[id(dataset)] = digest(dataset.fingerprint(self.memo.digest))
        return {
            "name": dataset.name,
            "version": dataset.version,
            "source": self._sources.of(type(dataset)),
            "fingerprint": self._fingerprints[id(dataset)],
        }

    def _runtime(self, runtime: type[Runtime]) -> dict[str, Any]:
        return {
            "name": runtime.name,
            "version": runtime.version,
            "source": self._sources.of(runtime),
            "tools": dict(self._environment(runtime.toolchain()).versions),
        }

    def _target(self, node: Node) -> dict[str, Any]:
        target = node.target
        if target is None:
            name = str(getattr(node.params, "target", "host"))
            target = make_target(self.registry.find("target", self.registry.targets, name), {})
        name, cls = target.name, type(target)
        with self._blamed("target", name, "identity"):
            told = dict(target.identity())
        return {"name": name, "version": cls.version, "source": self._sources.of(cls), "identity": told}

    def _blamed(self, what: str, name: str, doing: str) -> contextlib.AbstractContextManager[None]:
        origin = self.registry.origins.get((f"{what}s", name), "?")
        return blamed(f"{what} {name!r}", origin, doing)


def work_pool(node: Node) -> WorkPool | None:
    """Return the work pool that makes the node, or None if this machine does."""
    return node.target.work_pool() if node.target is not None else None


def stage_toolchain(node: Node) -> Toolchain:
    """Return what a node's process needs: the stage's requirements and those of the datasets it reads."""
    extra = [one for use in node.datasets.values() for one in use.dataset.requirements]
    own = node.toolchain
    return replace(own, requirements=tuple(dict.fromkeys((*own.requirements, *extra))))


def stage_tools(node: Node) -> Mapping[str, Toolchain]:
    """Return the toolchains that the stage calls functions in, by the name it gives them."""
    return node.stage.tools(node.params, node.kinds)
