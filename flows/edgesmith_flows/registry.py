"""Find plugins, load each alone, and collect what they bring."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

import pluggy

from edgesmith import hooks
from edgesmith.artifacts import BUILTIN_KINDS, Artifact, Model
from edgesmith.dataset import Dataset
from edgesmith.errors import UserError, unknown
from edgesmith.model_source import ModelSource
from edgesmith.runtime import Runtime
from edgesmith.stage import Stage
from edgesmith.target import Target

T = TypeVar("T")


@dataclass(frozen=True)
class PluginState:
    """One plugin as found: what it is, where it came from, and why it failed, if it did."""

    name: str
    origin: str
    error: str | None = None
    details: str = ""
    brings: tuple[str, ...] = ()


@dataclass
class Registry:
    """All that the loaded plugins bring, by name. Built by `load_registry` and passed down."""

    stages: dict[str, type[Stage]] = field(default_factory=dict)
    runtimes: dict[str, type[Runtime]] = field(default_factory=dict)
    targets: dict[str, type[Target]] = field(default_factory=dict)
    datasets: dict[str, type[Dataset]] = field(default_factory=dict)
    kinds: dict[str, type[Artifact]] = field(default_factory=dict)
    model_sources: dict[str, type[ModelSource]] = field(default_factory=dict)
    plugins: list[PluginState] = field(default_factory=list)
    origins: dict[tuple[str, str], str] = field(default_factory=dict)

    def find(self, what: str, table: Mapping[str, T], name: str) -> T:
        """Return an entry, or raise UserError with the nearest name and the plugins that failed to load."""
        if name in table:
            return table[name]
        raise UserError(unknown(what, name, table) + self.failures())

    def failures(self) -> str:
        """Say which plugins failed, as an unknown name may be one of theirs."""
        failed = [f"{p.name} ({p.origin}): {p.error}" for p in self.plugins if p.error]
        return "".join(f"\n    a plugin that failed to load may bring it: {one}" for one in failed)

    def runtime_for(self, kind: type[Model]) -> tuple[type[Runtime] | None, str]:
        """Return the runtime that runs `kind` on this machine, or None and the reason there is none.

        A runtime whose `accepts` names the kind itself goes before one that names a base of it.
        """
        takers = [runtime for runtime in self.runtimes.values() if issubclass(kind, runtime.accepts)]
        takers.sort(key=lambda runtime: (kind not in runtime.accepts, runtime.name))
        reasons = []
        for runtime in takers:
            reason = runtime.unavailable()
            if reason is None:
                return runtime, ""
            reasons.append(f"{runtime.name}: {reason}")
        return None, "; ".join(reasons) or f"no runtime for {kind.kind}"


_TABLES: Mapping[str, tuple[str, type]] = {
    "edgesmith_stages": ("stages", Stage),
    "edgesmith_runtimes": ("runtimes", Runtime),
    "edgesmith_targets": ("targets", Target),
    "edgesmith_datasets": ("datasets", Dataset),
    "edgesmith_artifact_kinds": ("kinds", Artifact),
    "edgesmith_model_sources": ("model_sources", ModelSource),
}


def load_registry(modules: Iterable[str] = (), folder: Path | None = None) -> Registry:
    """Load every installed plugin, and the local modules named.

    A plugin that fails is recorded in `Registry.plugins` and leaves the others alone.

    Args:
        modules: local plugin modules (`plugins:` of a pipeline or of pyproject.toml).
        folder: where local modules are looked for beside the usual places.
    """
    registry = Registry()
    for kind in BUILTIN_KINDS:
        registry.kinds[kind.kind] = kind
    found = sorted(entry_points(group=hooks.ENTRY_POINT_GROUP), key=_entry_order)
    for point in found:
        distribution = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        _load(registry, point.name, distribution, lambda point=point: _load_entry(point))
    for module in modules:
        _load(registry, module, "local module", lambda module=module: _load_local(module, folder))
    return registry


def _entry_order(point: EntryPoint) -> tuple[bool, str, str]:
    own = point.dist is not None and point.dist.name == "edgesmith"
    return (not own, point.dist.name if point.dist else "", point.name)


def _load_entry(point: EntryPoint) -> Any:
    return point.load()


def _load_local(name: str, folder: Path | None) -> Any:
    """Import a local module by dotted name, looked for in `folder` first, without changing `sys.path`."""
    if folder is not None and name.partition(".")[0] not in sys.modules:
        top = name.partition(".")[0]
        for place, package in ((folder / top / "__init__.py", folder / top), (folder / f"{top}.py", None)):
            if place.exists():
                search = [str(package)] if package else None
                spec = importlib.util.spec_from_file_location(top, place, submodule_search_locations=search)
                if spec and spec.loader:
                    module = importlib.util.module_from_spec(spec)
                    sys.modules[top] = module
                    try:
                        spec.loader.exec_module(module)
                    except BaseException:
                        del sys.modules[top]
                        raise
                break
    return importlib.import_module(name)


def _load(registry: Registry, name: str, origin: str, load: Any) -> None:
    """Load one plugin into the registry, all of it or nothing."""
    try:
        manager = pluggy.PluginManager(hooks.PROJECT)
        manager.add_hookspecs(hooks)
        manager.register(load(), name)
        manager.check_pending()
        brought = [
            (hook, cls)
            for hook in _TABLES
            for classes in _called(getattr(manager.hook, hook))
            for cls in _checked(hook, classes)
        ]
        names = [(hook, _name(cls)) for hook, cls in brought]
        for hook, cls in brought:
            if names.count((hook, _name(cls))) > 1:
                raise UserError(f"it brings two {_TABLES[hook][0]} called {_name(cls)!r}")
            _refuse_taken(registry, hook, cls, origin)
    except (Exception, SystemExit) as error:  # whatever a plugin's import raises must not stop the others
        if isinstance(error, pluggy.PluginValidationError):
            message = f"it has a hook that edgesmith doesn't know: {error}"
        else:
            message = f"{type(error).__name__}: {error}" if not isinstance(error, UserError) else error.message
        registry.plugins.append(PluginState(name, origin, message, traceback.format_exc()))
        return
    for hook, cls in brought:
        table, _ = _TABLES[hook]
        getattr(registry, table)[_name(cls)] = cls
        registry.origins[(table, _name(cls))] = origin
    brings = tuple(f"{_TABLES[hook][0]}:{_name(cls)}" for hook, cls in brought)
    registry.plugins.append(PluginState(name, origin, brings=brings))


def _called(hook: pluggy.HookCaller) -> list[Any]:
    """Call a hook; a plugin that forgot its `return` gives None, which pluggy leaves out."""
    return hook() if not hook.get_hookimpls() else hook() or [None]


def _name(cls: Any) -> str:
    return str(cls.kind if issubclass(cls, Artifact) else cls.name)


def _checked(hook: str, classes: Any) -> list[type]:
    _, base = _TABLES[hook]
    if not isinstance(classes, (list, tuple)):
        raise UserError(f"{hook}() returned {type(classes).__name__}; expected a list of {base.__name__} classes")
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, base)):
            raise UserError(f"{hook}() returned {cls!r}; expected a subclass of edgesmith.{base.__name__}")
        if not _name(cls):
            raise UserError(f"{cls.__module__}.{cls.__qualname__} has no name")
    return list(classes)


def _refuse_taken(registry: Registry, hook: str, cls: type, origin: str) -> None:
    table, base = _TABLES[hook]
    name = _name(cls)
    if name in getattr(registry, table):
        first = registry.origins.get((table, name), "edgesmith")
        raise UserError(f"two plugins bring the {base.__name__.lower()} {name!r}: {first} and {origin}")
