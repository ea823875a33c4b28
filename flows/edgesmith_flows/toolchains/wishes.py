"""Which installed stages and runtimes may ask for which toolchains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from edgesmith.artifacts import Artifact
from edgesmith.ports import as_port
from edgesmith.stage import Stage, Toolchain
from edgesmith_flows.registry import Registry

Kinds = dict[str, tuple[type[Artifact], ...]]


def wishes(registry: Registry) -> dict[Toolchain, list[str]]:
    """Return, by toolchain, who may ask for it: stages over the choices of their params and inputs, and runtimes.

    A choice is what a param's type lists (`backend: Literal["a", "b"]`). What a stage asks for under other params is
    known only to a pipeline.
    """
    found: dict[Toolchain, dict[str, None]] = {}
    for name, stage in registry.stages.items():
        for told, params, kinds in _calls(name, stage):
            for toolchain in _wanted(stage, params, kinds):
                found.setdefault(toolchain, {}).setdefault(told)
    for name, runtime in registry.runtimes.items():
        found.setdefault(Toolchain(runtime.requirements), {}).setdefault(f"the runtime {name}")
    return {toolchain: _shortest(list(who)) for toolchain, who in found.items()}


def _shortest(who: list[str]) -> list[str]:
    """Leave `stage (param: choice)` out where the stage wants the same toolchain in any case."""
    return [one for one in who if one.partition(" (")[0] not in who or " (" not in one]


def _calls(name: str, stage: type[Stage]) -> Iterator[tuple[str, Any, Kinds]]:
    """Yield ways to call a stage: as it is by default, then with each choice of one param, and each kind on a port."""
    fields = stage.Params.model_fields
    defaults = {
        field: info.get_default(call_default_factory=True) for field, info in fields.items() if not info.is_required()
    }
    params = stage.Params.model_construct(**defaults)
    ports = {port: as_port(spec).kinds for port, spec in stage.inputs.items()}
    kinds: Kinds = {port: some[:1] for port, some in ports.items()}
    yield name, params, kinds
    for field, info in fields.items():
        for choice in get_args(info.annotation) if get_origin(info.annotation) is Literal else ():
            yield f"{name} ({field}: {choice})", params.model_copy(update={field: choice}), kinds
    for port, some in ports.items():
        for kind in some[1:]:
            yield f"{name} ({port}: {kind.kind})", params, {**kinds, port: (kind,)}


def _wanted(stage: type[Stage], params: Any, kinds: Kinds) -> list[Toolchain]:
    try:
        return [stage.toolchain(params, kinds), *stage.tools(params, kinds).values()]
    except Exception:  # a plugin's code, on params that its own checks might refuse
        return []
