"""The entry point."""

from __future__ import annotations

from edgesmith import Model, Runtime, Stage, hookimpl
from edgesmith_executorch.export import ExportExecutorch
from edgesmith_executorch.model import ExecutorchModel
from edgesmith_executorch.runtime import ExecutorchRuntime


@hookimpl
def edgesmith_artifact_kinds() -> list[type[Model]]:
    """The kind `executorch`."""
    return [ExecutorchModel]


@hookimpl
def edgesmith_stages() -> list[type[Stage]]:
    """The stage `export-executorch`."""
    return [ExportExecutorch]


@hookimpl
def edgesmith_runtimes() -> list[type[Runtime]]:
    """The runtime `executorch`."""
    return [ExecutorchRuntime]
