"""Tables of params, from pydantic's fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from edgesmith.refs import DatasetRef, TargetRef
from edgesmith_flows.reference.docstrings import docstring_of

_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def table(model: type[BaseModel]) -> str:
    """Return a model's params as a Markdown table, with a table for each model that one of them holds."""
    schema = model.model_json_schema()
    rows = ["| param | type | default | what it is |", "| --- | --- | --- | --- |"]
    for name, about in schema.get("properties", {}).items():
        default = "required" if name in schema.get("required", ()) else f"`{_default(about.get('default'))}`"
        rows.append(f"| `{name}` | {_cell(type_of(about))} | {default} | {_cell(description(model, name))} |")
    if len(rows) == 2:
        return "It has no params."
    inner = [f"`{one.__name__}`:\n\n{table(one)}" for one in dict.fromkeys(_held(model))]
    return "\n\n".join(["\n".join(rows), *inner])


def description(model: type[BaseModel], name: str) -> str:
    """Return what a field's own description says, or its model's docstring."""
    own = model.model_fields[name].description
    if own:
        return own
    for base in model.__mro__:
        about = docstring_of(base)
        if about.described(name) or f"`{name}`" in about.summary:
            return about.described(name) or about.summary
    return ""


def undescribed(model: type[BaseModel]) -> Iterator[str]:
    """Yield the params, and those of the models that they hold, without a description."""
    for name in model.model_fields:
        if not description(model, name):
            yield name
    for inner in dict.fromkeys(_held(model)):
        yield from (f"{inner.__name__}.{name}" for name in undescribed(inner))


def type_of(about: dict[str, Any]) -> str:
    """Name a JSON Schema's type, with its bounds."""
    if "enum" in about:
        return " or ".join(f"`{one}`" for one in about["enum"])
    if "const" in about:
        return f"`{about['const']}`"
    if "anyOf" in about:
        return " or ".join(type_of(one) for one in about["anyOf"])
    if "$ref" in about:
        name = str(about["$ref"]).rpartition("/")[2]
        return {DatasetRef.__name__: "dataset", TargetRef.__name__: "target"}.get(name, f"`{name}`")
    kind = str(about.get("type", "any"))
    if kind == "array":
        inner = about.get("prefixItems") or [about["items"]] if "items" in about or "prefixItems" in about else []
        return f"list of {', '.join(type_of(one) for one in inner)}" if inner else "list"
    bounds = [f"{sign} {about[name]}" for name, sign in _BOUNDS.items() if name in about]
    return " ".join([kind, ", ".join(bounds)]).strip()


def _default(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"name"}:
        return str(value["name"])
    return value if isinstance(value, str) and value else json.dumps(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _held(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for about in model.model_fields.values():
        yield from _models(about.annotation)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not issubclass(annotation, (DatasetRef, TargetRef)):
            yield annotation
        return
    for one in get_args(annotation):
        yield from _models(one)
