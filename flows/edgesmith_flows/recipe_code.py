"""Which code the recipes of a node's torch models may name, beside what rebuilds them (`TorchModel.loader`).

A recipe names functions of plugins: the factory of a model source, changes of a stage's own. Its text stays the same
when such a function changes, so that the artifact's digest says nothing of it, and the code goes into keys by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from edgesmith.artifacts import Artifact, TorchModel
from edgesmith.model_source import ModelSource
from edgesmith.stage import Stage
from edgesmith_flows.pipeline import Need, Node, PipelineUse


def taken(
    needs: Mapping[str, tuple[Need, ...]], kinds: Mapping[str, tuple[type[Artifact], ...]], nodes: Mapping[str, Node]
) -> set[str]:
    """Return the code that came with the torch models at a node's inputs.

    Args:
        nodes: by name, those that it needs.
    """
    pairs = ((need, kind) for port, some in needs.items() for need, kind in zip(some, kinds[port], strict=True))
    return {code for need, kind in pairs if issubclass(kind, TorchModel) for code in nodes[need.node].recipe_code}


def added(
    stage: type[Stage],
    params: Mapping[str, Any],
    gives: Iterable[type[Artifact]],
    pipelines: Iterable[PipelineUse],
    sources: Mapping[str, type[ModelSource]],
) -> set[str]:
    """Return the code that a node itself brings.

    Those are the factories of the model sources that its params name (`source/name`, wherever it stands), and where it
    gives a torch model: its stage's module, if the recipe's own package is another, and what the pipelines that it
    runs brought.

    Args:
        params: as JSON values, without those that name datasets, files, targets or pipelines.
        gives: kinds of its outputs.
        sources: model sources by name.
    """
    named = {text.partition("/")[0] for text in _texts(params) if "/" in text}
    found = {source.factory for name, source in sources.items() if name in named}
    loaders = {kind.loader for kind in gives if issubclass(kind, TorchModel)}
    if any(_top(loader) != _top(stage.__module__) for loader in loaders):
        found.add(stage.__module__)
    if loaders:
        variants = (one for use in pipelines for one in use.variants)
        found |= {code for one in variants for node in one.nodes.values() for code in node.recipe_code}
    return found


def _top(name: str) -> str:
    return name.partition(":")[0].partition(".")[0]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)
