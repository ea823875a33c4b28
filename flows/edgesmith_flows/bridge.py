"""Which packages a worker is lent: the contract, the worker itself, and every plugin's own package."""

from __future__ import annotations

from edgesmith.loading import package_place
from edgesmith_flows.registry import Registry


def bridge_for(registry: Registry) -> dict[str, str]:
    """Return top-level package names with their folders (see `edgesmith.boot`)."""
    tables = (registry.stages, registry.runtimes, registry.targets, registry.datasets, registry.kinds)
    modules = {cls.__module__ for table in tables for cls in table.values()}
    modules |= {source.factory.partition(":")[0] for source in registry.model_sources.values()}
    tops = sorted({"edgesmith", "edgesmith_flows", *(name.partition(".")[0] for name in modules)})
    places = {top: package_place(top) for top in tops}
    return {top: str(place) for top, place in places.items() if place is not None}
