"""The JSON Schema of pipelines and nightlies, with the params of every installed stage: editors complete them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgesmith_flows.document import NodeDocument, PipelineDocument
from edgesmith_flows.nightly.document import KEY, NightlyDocument
from edgesmith_flows.registry import Registry


def file_schema(registry: Registry) -> dict[str, Any]:
    """Return the schema (draft 2020-12) of the files in `pipelines/`: pipelines of `registry`'s stages, and nightlies.

    Which one a file is decides its keys, as when it is read, so that an editor tells of one kind's mistakes only.
    """
    definitions: dict[str, Any] = {}
    documents = {
        "Pipeline": pipeline_schema(registry),
        "Nightly": NightlyDocument.model_json_schema(by_alias=True, ref_template=f"#/$defs/{KEY}.{{model}}"),
    }
    for name, prefix in (("Pipeline", ""), ("Nightly", f"{KEY}.")):
        for inner, body in documents[name].pop("$defs").items():
            definitions[prefix + inner] = body
        definitions[name] = documents[name]
    return {
        "$schema": documents["Pipeline"].pop("$schema"),
        "title": "edgesmith's pipelines and nightlies",
        "type": "object",
        # Of an empty file, editors offer what stands here.
        "properties": {name: {} for name in ("name", "description", "stages", KEY)},
        "if": {"required": [KEY], "not": {"required": ["stages"]}},
        "then": {"$ref": "#/$defs/Nightly"},
        "else": {"$ref": "#/$defs/Pipeline"},
        "$defs": definitions,
    }


def pipeline_schema(registry: Registry) -> dict[str, Any]:
    """Return the schema (draft 2020-12) of pipelines of the stages of `registry`."""
    schema = PipelineDocument.model_json_schema(by_alias=True)
    definitions = schema.setdefault("$defs", {})
    node = NodeDocument.model_json_schema(by_alias=True)
    node["properties"]["uses"] = {"enum": sorted(registry.stages), "description": "the stage that makes this node"}
    node["allOf"] = []
    for name, stage in sorted(registry.stages.items()):
        params = stage.Params.model_json_schema(by_alias=True, ref_template="#/$defs/" + name + ".{model}")
        for inner, body in params.pop("$defs", {}).items():
            definitions[f"{name}.{inner}"] = _reference(registry, inner, definitions) or _by_name(inner, body)
        params["properties"] = {field: _or_expression(one) for field, one in params.get("properties", {}).items()}
        params.pop("required", None)
        definitions[f"{name}.Params"] = params
        node["allOf"].append(
            {
                "if": {"properties": {"uses": {"const": name}}},
                "then": {"properties": {"with": {"$ref": f"#/$defs/{name}.Params"}}},
            }
        )
    definitions["NodeDocument"] = node
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _reference(registry: Registry, name: str, definitions: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of a dataset or target that a param names: each installed one, with its own params.

    Args:
        definitions: where models that these params hold are added.
    """
    tables: Mapping[str, Mapping[str, Any]] = {"DatasetRef": registry.datasets, "TargetRef": registry.targets}
    if name not in tables:
        return None
    options = [{"enum": sorted(tables[name])}]
    for plugin, cls in sorted(tables[name].items()):
        body = cls.Params.model_json_schema(by_alias=True, ref_template="#/$defs/" + plugin + ".{model}")
        for inner, one in body.pop("$defs", {}).items():
            # A plugin that names another one: by its name alone, or with params, which are not followed further.
            named = {"anyOf": [{"enum": sorted(tables[inner])}, one]} if inner in tables else one
            definitions[f"{plugin}.{inner}"] = named
        fields = {field: _or_expression(one) for field, one in body.get("properties", {}).items()}
        body["properties"] = {"name": {"const": plugin}, **fields}
        options.append({**body, "required": ["name"]})
    return {"anyOf": options}


def _by_name(model: str, body: dict[str, Any]) -> dict[str, Any]:
    """Allow a pipeline's name alone; which ones there are depends on the folder that it is asked in."""
    return {"anyOf": [{"type": "string", "minLength": 1}, body]} if model == "PipelineRef" else body


def _or_expression(field: dict[str, Any]) -> dict[str, Any]:
    """Allow `${...}` where a value of another type is expected."""
    kept: dict[str, Any] = {name: field.pop(name) for name in ("title", "description", "default") if name in field}
    return {**kept, "anyOf": [field, {"type": "string", "pattern": r"\$\{[^{}]+\}"}]}
