"""The reference pages, and what is missing from them."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

import edgesmith
from edgesmith import hooks
from edgesmith.ports import as_port
from edgesmith_flows.cli.main import COMMANDS
from edgesmith_flows.plugin_rules import KNOWN_HOOKS
from edgesmith_flows.reference.docstrings import docstring_of
from edgesmith_flows.reference.params import table, undescribed
from edgesmith_flows.registry import Registry

_NOTE = (
    "<!-- Written by `python -m edgesmith_flows.reference`; change the docstrings, not this page. -->\n"
    "<!-- fmt: off -->"
)


def pages(registry: Registry) -> dict[str, str]:
    """Return the pages by file name: what this distribution brings, not what other plugins do."""
    made = {
        "hooks.md": ["# Hooks", *map(_hook, KNOWN_HOOKS)],
        "stages.md": ["# Stages", *map(_stage, own(registry, "stages"))],
        "kinds.md": ["# Artifact kinds", *map(_kind, own(registry, "kinds"))],
        "runtimes.md": ["# Runtimes", *map(_runtime, own(registry, "runtimes"))],
        "targets.md": ["# Targets", *map(_target, own(registry, "targets"))],
        "datasets.md": ["# Datasets", *map(_dataset, own(registry, "datasets"))],
        "commands.md": ["# Commands", *_commands()],
        "api.md": ["# What plugin authors import", *map(_name, edgesmith.__all__)],
    }
    return {name: "\n\n".join([_NOTE, *parts]) + "\n" for name, parts in made.items()}


def missing(registry: Registry) -> list[str]:
    """Name what has no description: hooks, their arguments, plugins, their params, commands and their options."""
    return [*_missing_hooks(), *_missing_plugins(registry), *_missing_commands()]


def own(registry: Registry, what: str) -> list[Any]:
    """Return what this distribution brings, by name."""
    found: Mapping[str, Any] = getattr(registry, what)
    return [
        cls
        for name, cls in sorted(found.items())
        if registry.origins.get((what, name), "edgesmith ").startswith("edgesmith ")
    ]


def _missing_hooks() -> Iterator[str]:
    for name in KNOWN_HOOKS:
        hook = getattr(hooks, name)
        about = docstring_of(hook)
        if not about.text:
            yield f"hook {name}"
        yield from (f"hook {name}({one})" for one in inspect.signature(hook).parameters if not about.described(one))


def _missing_plugins(registry: Registry) -> Iterator[str]:
    for what in ("stages", "kinds", "runtimes", "targets", "datasets"):
        for cls in own(registry, what):
            name = f"{what.rstrip('s')} {getattr(cls, 'name', '') or getattr(cls, 'kind', '')}"
            if not docstring_of(cls).text:
                yield name
            if what in ("stages", "targets", "datasets"):
                yield from (f"{name}, param {one}" for one in undescribed(cls.Params))


def _missing_commands() -> Iterator[str]:
    for name, command in commands():
        if not command.help:
            yield f"command {name}"
        for one in command.params:
            if isinstance(one, click.Option) and not one.help:
                yield f"command {name}, option {one.opts[0]}"


def _hook(name: str) -> str:
    hook = getattr(hooks, name)
    return f"## {name}\n\n`{name}{_signature(hook)}`\n\n{docstring_of(hook).markdown()}"


def _stage(cls: Any) -> str:
    ports = ["| port | kind |", "| --- | --- |"]
    for word, given in (("in", cls.inputs), ("out", cls.outputs)):
        for port, spec in given.items():
            made = as_port(spec)
            kind = f"the kind of `{made.like}`" if made.like else str(made).replace("|", "or")
            ports.append(f"| {word}: `{port}` | {kind}{', optional' if made.optional else ''} |")
    facts = []
    if cls.runs_models:
        facts.append("It opens models in their runtimes.")
    if cls.measures:
        facts.append("It measures: it runs alone, and the target's identity goes into its key.")
    if not cls.deterministic:
        facts.append("It does not promise the same bytes for the same inputs.")
    parts = [_plain(cls), " ".join(facts), "\n".join(ports), _requirements(cls), table(cls.Params)]
    return "\n\n".join(part for part in parts if part)


def _kind(cls: Any) -> str:
    file = f"File: `{cls.main}`." if getattr(cls, "main", "") else ""
    parts = [f"## {cls.kind}", f"`edgesmith.{cls.__name__}`", docstring_of(cls).markdown(), file]
    return "\n\n".join(part for part in parts if part)


def _runtime(cls: Any) -> str:
    accepts = ", ".join(f"`{kind.kind}`" for kind in cls.accepts)
    return "\n\n".join([_plain(cls), f"It runs {accepts}.", _requirements(cls)])


def _dataset(cls: Any) -> str:
    return "\n\n".join([_plain(cls), _requirements(cls), table(cls.Params)])


def _target(cls: Any) -> str:
    return "\n\n".join([_plain(cls), table(cls.Params)])


def _plain(cls: Any) -> str:
    return f"## {cls.name}\n\n{docstring_of(cls).markdown()}"


def _requirements(cls: Any) -> str:
    named = ", ".join(f"`{one}`" for one in cls.requirements)
    return f"Requirements: {named or 'none, or by its params and inputs'}."


def _name(name: str) -> str:
    """Describe one name of `edgesmith`, with the methods that it has itself."""
    thing = getattr(edgesmith, name)
    if not isinstance(thing, type) and not inspect.isfunction(thing):
        shown = f"`{name} = {thing!r}`" if isinstance(thing, (int, str)) else ""
        parts = [f"## {name}", shown, _attribute_doc(name) or docstring_of(thing).summary]
        return "\n\n".join(part for part in parts if part)
    if not isinstance(thing, type):
        return f"## {name}\n\n`{name}{_signature(thing)}`\n\n{docstring_of(thing).markdown()}".rstrip()
    parts = [f"## {name}", docstring_of(thing).markdown()]
    for member, value in list(vars(thing).items()):
        inner = getattr(value, "__func__", getattr(value, "fget", getattr(value, "func", value)))
        if member.startswith("_") or not inspect.isfunction(inner) or not docstring_of(inner).text:
            continue
        shown = member if inner is not value and not isinstance(value, classmethod) else member + _signature(inner)
        parts.append(f"### `{shown}`\n\n{docstring_of(inner).markdown()}")
    return "\n\n".join(part for part in parts if part)


def _signature(function: Any) -> str:
    """Write a signature as its source has it, without `self`."""
    given = inspect.signature(function)
    parts: list[str] = []
    for name, one in given.parameters.items():
        if name in ("self", "cls"):
            continue
        if one.kind is one.KEYWORD_ONLY and not any(part.startswith("*") for part in parts):
            parts.append("*")
        stars = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
        kind = "" if one.annotation is one.empty else f": {_annotation(one.annotation)}"
        default = "" if one.default is one.empty else f"{' = ' if kind else '='}{one.default!r}"
        parts.append(f"{stars}{name}{kind}{default}")
    gives = "" if given.return_annotation is given.empty else f" -> {_annotation(given.return_annotation)}"
    return f"({', '.join(parts)}){gives}"


def _annotation(given: Any) -> str:
    return given if isinstance(given, str) else inspect.formatannotation(given)


def _attribute_doc(name: str) -> str:
    """Return the string below an assignment in one of edgesmith's modules: a constant has no docstring of its own."""
    for file in sorted(Path(edgesmith.__path__[0]).glob("*.py")):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        for line, after in pairwise(body):
            named = {getattr(one, "id", "") for one in getattr(line, "targets", ())}
            if name in named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                return str(after.value.value)
    return ""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its whole name."""
    for name, (module, _) in COMMANDS.items():
        yield from _below(f"edgesmith {name}", importlib.import_module(module).command)


def _below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for inner, one in command.commands.items():
            yield from _below(f"{name} {inner}", one)


def _commands() -> Iterator[str]:
    for name, command in commands():
        arguments = [_argument(one) for one in command.params if isinstance(one, click.Argument)]
        parts = [f"## {name}", f"`{' '.join([name, *arguments])}`", inspect.cleandoc(command.help or "")]
        options = [_option(one) for one in command.params if isinstance(one, click.Option)]
        yield "\n\n".join([*parts, *(["\n".join(options)] if options else [])])


def _argument(one: click.Argument) -> str:
    name = (one.name or "").upper() + ("..." if one.nargs != 1 else "")
    return name if one.required else f"[{name}]"


def _option(one: click.Option) -> str:
    value = one.metavar or ("|".join(map(str, one.type.choices)) if isinstance(one.type, click.Choice) else "")
    if not value and not one.is_flag:
        value = one.type.name.upper()
    names = ", ".join(one.opts)
    return f"- `{names}{' ' + value if value and not one.is_flag else ''}`: {one.help or ''}"
