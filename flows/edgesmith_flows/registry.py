"""Find plugins, load each alone, and collect what they bring."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

import pluggy

from edgesmith import hooks
from edgesmith.artifacts import BUILTIN_KINDS, Artifact, Model
from edgesmith.dataset import Dataset
from edgesmith.errors import EdgesmithError, UserError, unknown
from edgesmith.model_source import ModelSource
from edgesmith.ports import as_port
from edgesmith.runtime import Runtime
from edgesmith.stage import Stage
from edgesmith.target import Target
from edgesmith_flows.plugin_contract import ATTRIBUTE, OLDEST, check_contract, heard, written_contract
from edgesmith_flows.plugin_rules import check_class, check_hooks

T = TypeVar("T")

LOCAL = "local module"
"""The origin of plugins that no distribution brings."""


@dataclass(frozen=True)
class PluginState:
    """One plugin as found.

    Attributes:
        name: its entry point's name, or its module's.
        origin: its distribution and version, or `local module`.
        error: why it failed, if it did; then nothing of it is kept.
        hint: what to do about that.
        details: the traceback.
        brings: what it brings, as `stages:name`.
        notes: what works today and should be mended.
    """

    name: str
    origin: str
    error: str | None = None
    hint: str = ""
    details: str = ""
    brings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Name, origin, what is wrong and what to do."""
        return f"{self.name} ({self.origin}): {self.error or 'ok'}{f' (hint: {self.hint})' if self.hint else ''}"


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
        failed = [plugin.message for plugin in self.plugins if plugin.error]
        return "".join(f"\n    a plugin that failed to load may bring it: {one}" for one in failed)

    def runtime_for(self, kind: type[Model]) -> tuple[type[Runtime] | None, str]:
        """Return the runtime that runs `kind` on this machine, or None and the reason there is none.

        A runtime whose `accepts` names the kind itself goes before one that names a base of it.
        """
        takers = [runtime for runtime in self.runtimes.values() if issubclass(kind, runtime.accepts)]
        takers.sort(key=lambda runtime: (kind not in runtime.accepts, runtime.name))
        reasons = []
        for runtime in takers:
            reason = why_unavailable(runtime)
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


def why_unavailable(cls: Any) -> str | None:
    """Return why a runtime or target can't run here, or None; a question that crashes is a reason, too."""
    try:
        reason = cls.unavailable() if hasattr(cls, "unavailable") else None
    except Exception as error:  # a plugin's slip must not stop runs that don't need it
        return f"its unavailable() failed: {type(error).__name__}: {error}"
    return None if reason is None else str(reason)


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
    for point in sorted(entry_points(group=hooks.ENTRY_POINT_GROUP), key=_entry_order):
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        own = point.dist.name if point.dist else point.value
        _load(registry, PluginState(point.name, origin), point.load, point.module, own)
    for module in modules:
        state = PluginState(module, LOCAL)
        _load(registry, state, partial(_load_local, module, folder), module, module, folder)
    _note_unknown_kinds(registry)
    return registry


def _entry_order(point: EntryPoint) -> tuple[bool, str, str]:
    own = point.dist is not None and point.dist.name == "edgesmith"
    return (not own, point.dist.name if point.dist else "", point.name)


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


def _load(
    registry: Registry,
    state: PluginState,
    load: Callable[[], Any],
    module: str,
    distribution: str,
    folder: Path | None = None,
) -> None:
    """Load one plugin into the registry, all of it or nothing.

    Args:
        module: where its code is, for the contract version that a plugin states which can't be imported.
        distribution: as a hint names it.
        folder: where `module` is looked for first.
    """
    try:
        with heard() as notes:
            try:
                plugin = load()
            except (Exception, SystemExit):
                check_contract(written_contract(module, folder) or OLDEST, distribution)
                raise
            check_contract(getattr(plugin, ATTRIBUTE, OLDEST), distribution)
            brought = _brought(registry, plugin, state)
    except (Exception, SystemExit) as error:  # whatever a plugin's import raises must not stop the others
        if isinstance(error, EdgesmithError):
            message, hint = error.message, error.hint
        else:
            message, hint = f"{type(error).__name__}: {error}", None
        hint = hint or _remedy(error, state, distribution)
        registry.plugins.append(replace(state, error=message, hint=hint, details=traceback.format_exc()))
        return
    for table, cls in brought:
        getattr(registry, table)[_name(cls)] = cls
        registry.origins[(table, _name(cls))] = state.origin
    if not brought:
        notes.append("it brings nothing: it has no hook, or its hooks return empty lists")
    brings = tuple(f"{table}:{_name(cls)}" for table, cls in brought)
    registry.plugins.append(replace(state, brings=brings, notes=tuple(notes)))


def _brought(registry: Registry, plugin: Any, state: PluginState) -> list[tuple[str, type]]:
    """Call a plugin's hooks, and check what they return."""
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    check_hooks(manager, plugin)
    manager.register(plugin, state.name)
    manager.check_pending()
    brought = [
        (table, cls)
        for hook, (table, base) in _TABLES.items()
        for classes in _called(getattr(manager.hook, hook))
        for cls in _checked(hook, base, classes)
    ]
    names = [(table, _name(cls)) for table, cls in brought]
    for table, cls in brought:
        if names.count((table, _name(cls))) > 1:
            raise UserError(f"it brings two {table} called {_name(cls)!r}")
        _refuse_taken(registry, table, cls, state)
        check_class(cls)
    return brought


def _remedy(error: BaseException, state: PluginState, distribution: str) -> str:
    """Say what to do about a plugin that failed for a reason of its own."""
    missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    if state.origin == "local module":
        return f"mend {distribution}, or take it out of `plugins:`"
    if missing and not missing.startswith("edgesmith"):
        return f"install {missing}, or update or uninstall {distribution} (it should import {missing} inside `run`)"
    return f"update or uninstall {distribution}, or tell its authors; `edgesmith plugins --traceback` shows where"


def _called(hook: pluggy.HookCaller) -> list[Any]:
    """Call a hook; a plugin that forgot its `return` gives None, which pluggy leaves out."""
    return hook() if not hook.get_hookimpls() else hook() or [None]


def _name(cls: Any) -> str:
    return str(cls.kind if issubclass(cls, Artifact) else cls.name)


def _checked(hook: str, base: type, classes: Any) -> list[type]:
    if not isinstance(classes, (list, tuple)):
        raise UserError(f"{hook}() returned {type(classes).__name__}; expected a list of {base.__name__} classes")
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, base)):
            raise UserError(f"{hook}() returned {cls!r}; expected a subclass of edgesmith.{base.__name__}")
        if not _name(cls):
            raise UserError(f"{cls.__module__}.{cls.__qualname__} has no name")
    return list(classes)


def _refuse_taken(registry: Registry, table: str, cls: type, state: PluginState) -> None:
    name = _name(cls)
    if name in getattr(registry, table):
        first = registry.origins.get((table, name), "edgesmith")
        what = table.rstrip("s").replace("_", " ")
        raise UserError(
            f"two plugins bring the {what} {name!r}: {first} and {state.origin}",
            hint=f"uninstall one of them, or rename the {what} in {state.name}",
        )


def _note_unknown_kinds(registry: Registry) -> None:
    """Note stages that give a kind which no plugin brings: other stages' environments could not import it."""
    for (table, name), origin in registry.origins.items():
        if table != "stages":
            continue
        for port, spec in registry.stages[name].outputs.items():
            for kind in () if as_port(spec).decided else as_port(spec).kinds:
                if registry.kinds.get(kind.kind) is not kind:
                    note = f"the stage {name!r} gives the kind {kind.kind!r} ({port}), which no plugin brings"
                    _note(registry, origin, f"stages:{name}", f"{note}: return it from edgesmith_artifact_kinds")


def _note(registry: Registry, origin: str, brings: str, note: str) -> None:
    for index, plugin in enumerate(registry.plugins):
        if plugin.origin == origin and brings in plugin.brings:
            registry.plugins[index] = replace(plugin, notes=(*plugin.notes, note))
