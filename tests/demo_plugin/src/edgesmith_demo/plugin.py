"""The entry point."""

from edgesmith import hookimpl
from edgesmith_demo.fit import LinearFit
from edgesmith_demo.model import LinearModel
from edgesmith_demo.runtime import LinearRuntime


@hookimpl
def edgesmith_artifact_kinds():
    return [LinearModel]


@hookimpl
def edgesmith_stages():
    return [LinearFit]


@hookimpl
def edgesmith_runtimes():
    return [LinearRuntime]
