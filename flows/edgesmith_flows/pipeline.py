"""A checked pipeline: nodes with their stages, params and connections, ready to plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith.artifacts import Artifact
from edgesmith.dataset import Dataset
from edgesmith.refs import DatasetRef, PipelineRef
from edgesmith.stage import Stage, Toolchain
from edgesmith.target import Target

if TYPE_CHECKING:
    from edgesmith_flows.registry import Registry


@dataclass(frozen=True)
class Need:
    """One connection: an output port of another node."""

    node: str
    port: str


@dataclass(frozen=True)
class DatasetUse:
    """A dataset that a param names."""

    ref: DatasetRef
    dataset: Dataset


@dataclass(frozen=True)
class PipelineUse:
    """A pipeline that a param names, for a stage that runs it.

    Attributes:
        registry: what its plugins and those of the pipeline that names it bring.
        variants: the pipeline with each set of params that `Stage.variants` returned.
        at: checks it with any set of params; raises UserError.
    """

    ref: PipelineRef
    registry: Registry
    variants: tuple[Pipeline, ...]
    at: Callable[[Mapping[str, Any]], Pipeline]


@dataclass(frozen=True)
class Node:
    """One node, matrix expanded.

    Attributes:
        name: `base`, or `base@value-value` for a combination of a matrix.
        base: the name under `stages:`.
        axes: the matrix values of this combination.
        needs: by input port, what is connected.
        kinds: by input port, the kinds connected; for outputs see `output_kinds`.
        resources: names of Prefect's global concurrency limits that it holds while it runs; no part of its key.
        line: where it stands in the file.
        target: where its models run, if it has a param `target` that names a target.
        pipelines: by param, the pipelines that it runs.
        recipe_code: modules, or functions in them (`package.module:function`), that the recipes of its torch models
            may name (see `edgesmith_flows.recipe_code`).
    """

    name: str
    base: str
    stage: type[Stage]
    params: Any
    needs: Mapping[str, tuple[Need, ...]]
    kinds: Mapping[str, tuple[type[Artifact], ...]]
    output_kinds: Mapping[str, type[Artifact]]
    toolchain: Toolchain
    datasets: Mapping[str, DatasetUse] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    axes: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    retries: int = 0
    resources: tuple[str, ...] = ()
    line: int = 0
    target: Target | None = None
    pipelines: Mapping[str, PipelineUse] = field(default_factory=dict)
    recipe_code: tuple[str, ...] = ()

    @property
    def own_params(self) -> dict[str, Any]:
        """The params as JSON values, without those that name something outside the pipeline."""
        named = {*self.datasets, *self.files, *self.pipelines, *(["target"] if self.target is not None else [])}
        return {name: value for name, value in self.params.model_dump(mode="json").items() if name not in named}

    @property
    def upstream(self) -> list[str]:
        """Names of the nodes it needs, each once."""
        return list(dict.fromkeys(need.node for needs in self.needs.values() for need in needs))

    @property
    def gives(self) -> dict[str, str]:
        """By output port, the name of its kind."""
        return {port: kind.kind for port, kind in self.output_kinds.items()}


@dataclass(frozen=True)
class Pipeline:
    """A pipeline whose every name was looked up.

    Attributes:
        nodes: by name, each after all that it needs.
        seed: the `seed` param, 0 by default.
        runner: where nodes run (see `edgesmith_flows.runner`); no part of any key.
    """

    name: str
    description: str
    file: Path
    nodes: Mapping[str, Node]
    gates: tuple[str, ...]
    seed: int = 0
    runner: str = "threads"

    def closure(self, names: list[str]) -> set[str]:
        """Return these nodes and all that they need."""
        wanted: set[str] = set()
        stack = list(names)
        while stack:
            name = stack.pop()
            if name not in wanted:
                wanted.add(name)
                stack.extend(self.nodes[name].upstream)
        return wanted

    def matching(self, name: str) -> list[str]:
        """Return the nodes called `name`: one node, or every combination of a matrix."""
        return [node.name for node in self.nodes.values() if name in (node.name, node.base)]
