"""Which packages a worker is lent: the contract, the worker itself, and every plugin's own package."""

from __future__ import annotations

import sys

from edgesmith_flows.registry import Registry


def bridge_for(registry: Registry) -> dict[str, str]:
    """Return top-level package names with their folders (see `edgesmith.boot`)."""
    tables = (registry.stages, registry.runtimes, registry.targets, registry.datasets, registry.kinds)
    modules = {cls.__module__ for table in tables for cls in table.values()}
    modules |= {source.factory.partition(":")[0] for source in registry.model_sources.values()}
    bridge = {}
    for top in sorted({"edgesmith", "edgesmith_flows", *(name.partition(".")[0] for name in modules)}):
        module = sys.modules.get(top)
        paths = getattr(module, "__path__", None)
        file = getattr(module, "__file__", None)
        if paths:
            bridge[top] = str(next(iter(paths)))
        elif file:
            bridge[top] = str(file)
    return bridge
