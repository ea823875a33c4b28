"""The entry point."""

from __future__ import annotations

from edgesmith import Model, Runtime, Stage, hookimpl
from edgesmith_coreai.export import ExportCoreAI
from edgesmith_coreai.model import CoreAIModel
from edgesmith_coreai.runtime import CoreAIRuntime


@hookimpl
def edgesmith_artifact_kinds() -> list[type[Model]]:
    """The kind `coreai`."""
    return [CoreAIModel]


@hookimpl
def edgesmith_stages() -> list[type[Stage]]:
    """The stage `export-coreai`."""
    return [ExportCoreAI]


@hookimpl
def edgesmith_runtimes() -> list[type[Runtime]]:
    """The runtime `coreai`."""
    return [CoreAIRuntime]
