"""What a plugin's classes must be: checked when they are registered, so that a slip is told by name, not by a crash."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, cast

import pluggy

from edgesmith import hooks
from edgesmith.artifacts import Artifact, Model
from edgesmith.dataset import Dataset
from edgesmith.errors import UserError, unknown
from edgesmith.model_source import ModelSource
from edgesmith.ports import Port, as_port
from edgesmith.runtime import Runtime
from edgesmith.stage import Stage
from edgesmith.target import Target

KNOWN_HOOKS = tuple(name for name in vars(hooks) if name.startswith("edgesmith_"))


def check_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Refuse a hook that is misspelled, or that pluggy would not see for want of its decorator."""
    for name, value in vars(plugin).items() if hasattr(plugin, "__dict__") else ():
        if not inspect.isroutine(value):
            continue
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is not None:
            hook = options.get("specname") or name
            if hook not in KNOWN_HOOKS and not options.get("optionalhook"):
                raise UserError(unknown("hook", hook, KNOWN_HOOKS))
            _check_arguments(hook, value)
        elif name.startswith("edgesmith_") and getattr(value, "__module__", "") == getattr(plugin, "__name__", None):
            if name not in KNOWN_HOOKS:
                raise UserError(unknown("hook", name, KNOWN_HOOKS))
            raise UserError(f"{name} lacks its decorator", hint="write `@hookimpl` (of `edgesmith`) above it")


def _check_arguments(hook: str, value: Any) -> None:
    spec = getattr(hooks, hook, None)
    known = set(inspect.signature(spec).parameters) if spec else set()
    odd = [name for name in inspect.signature(value).parameters if name not in known]
    if spec and odd:
        takes = f"takes {', '.join(sorted(known))}" if known else "takes no arguments"
        raise UserError(f"{hook} has the argument {odd[0]!r}; the hook {takes}")


def check_class(cls: type) -> None:
    """Check one class that a hook returned.

    Raises:
        UserError: it can't work; the message names the class and the attribute.
    """
    for base, check in _CHECKS.items():
        if issubclass(cls, base):
            check(cls)


def _stage(cls: type[Stage]) -> None:
    _version(cls)
    _params(cls, Stage)
    _requirements(cls)
    _overridden(cls, Stage, "run")
    for ports in ("inputs", "outputs"):
        given = getattr(cls, ports)
        if not isinstance(given, Mapping):
            raise _wrong(cls, ports, given, 'a mapping from port names to kinds, such as {"model": OnnxModel}')
        for port, spec in given.items():
            _port(cls, f"{ports}[{port!r}]", port, spec)
    for port, spec in cls.outputs.items():
        _output(cls, f"outputs[{port!r}]", as_port(spec))


def _port(cls: type[Stage], where: str, port: Any, spec: Any) -> None:
    if not isinstance(port, str) or not port.isidentifier():
        raise _wrong(cls, where, port, "a port name that is an identifier")
    wanted = "an artifact kind, a union of kinds, many(kind), optional(kind) or like(input)"
    if not isinstance(spec, (type, UnionType, Port)):
        raise _wrong(cls, where, spec, wanted)
    made = as_port(spec)
    for kind in made.kinds:
        if not (isinstance(kind, type) and issubclass(kind, Artifact)):
            raise _wrong(cls, where, kind, wanted)


def _output(cls: type[Stage], where: str, port: Port) -> None:
    if port.many or port.optional:
        raise UserError(f"{_named(cls)}: {where} can be neither many() nor optional(): every output is one artifact")
    if port.like is not None:
        if port.like not in cls.inputs:
            raise UserError(
                f"{_named(cls)}: {where} is like({port.like!r}), " + unknown("input", port.like, cls.inputs)
            )
        return
    if port.decided:
        return
    if len(port.kinds) != 1:
        raise UserError(f"{_named(cls)}: {where} has {len(port.kinds)} kinds; an output has one, or is like(input)")
    (kind,) = port.kinds
    if not kind.kind or kind is Model:
        raise _wrong(cls, where, kind, "a kind that files can have, such as OnnxModel")


def _runtime(cls: type[Runtime]) -> None:
    _version(cls)
    _requirements(cls)
    _overridden(cls, Runtime, "load", "predict")
    given = cls.accepts
    whole = isinstance(given, (tuple, list)) and given
    if not whole or not all(isinstance(one, type) and issubclass(one, Model) for one in given):
        raise _wrong(cls, "accepts", given, "a tuple of model kinds, such as (OnnxModel,)")


def _target(cls: type[Target]) -> None:
    _version(cls)
    _params(cls, Target)
    _overridden(cls, Target, "identity", "open")


def _dataset(cls: type[Dataset]) -> None:
    _version(cls)
    _params(cls, Dataset)
    _requirements(cls)
    _overridden(cls, Dataset, "fingerprint")


def _model_kind(cls: type[Model]) -> None:
    if not isinstance(cls.main, str) or not cls.main:
        raise _wrong(cls, "main", cls.main, "the name of the model's file in the artifact's folder")


def _model_source(cls: type[ModelSource]) -> None:
    module, colon, function = str(cls.factory).partition(":")
    if not (module and colon and function):
        raise _wrong(cls, "factory", cls.factory, "`package.module:function`")


_CHECKS: Mapping[type, Any] = {
    Stage: _stage,
    Runtime: _runtime,
    Target: _target,
    Dataset: _dataset,
    Model: _model_kind,
    ModelSource: _model_source,
}


def _version(cls: Any) -> None:
    if not isinstance(cls.version, str) or not cls.version:
        raise _wrong(cls, "version", cls.version, 'a text, such as "1"')


def _params(cls: Any, base: Any) -> None:
    if not (isinstance(cls.Params, type) and issubclass(cls.Params, base.Params)):
        raise _wrong(cls, "Params", cls.Params, f"a subclass of {base.__name__}.Params")


def _requirements(cls: Any) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    given = cls.requirements
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise _wrong(cls, "requirements", given, 'a tuple of requirements, such as ("numpy>=2",)')
    for one in given:
        try:
            Requirement(cast(str, one))
        except (InvalidRequirement, TypeError) as error:
            raise _wrong(cls, "requirements", one, "a requirement (PEP 508), such as 'numpy>=2'") from error


def _overridden(cls: Any, base: Any, *names: str) -> None:
    for name in names:
        if getattr(cls, name) is getattr(base, name):
            raise UserError(f"{_named(cls)} has no {name}(); every {base.__name__} has one of its own")


def _named(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _wrong(cls: type, where: str, given: Any, wanted: str) -> UserError:
    return UserError(f"{_named(cls)}: {where} is {given!r}; expected {wanted}")
