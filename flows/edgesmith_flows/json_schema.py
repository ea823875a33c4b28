"""The JSON Schema of pipeline files, params of every installed stage included, so that editors complete them."""

from __future__ import annotations

from typing import Any

from edgesmith_flows.document import NodeDocument, PipelineDocument
from edgesmith_flows.registry import Registry


def pipeline_schema(registry: Registry) -> dict[str, Any]:
    """Return the schema (draft 2020-12) for the stages of `registry`."""
    schema = PipelineDocument.model_json_schema(by_alias=True)
    definitions = schema.setdefault("$defs", {})
    node = NodeDocument.model_json_schema(by_alias=True)
    node["properties"]["uses"] = {"enum": sorted(registry.stages), "description": "the stage that makes this node"}
    node["allOf"] = []
    for name, stage in sorted(registry.stages.items()):
        params = stage.Params.model_json_schema(by_alias=True, ref_template="#/$defs/" + name + ".{model}")
        for inner, body in params.pop("$defs", {}).items():
            definitions[f"{name}.{inner}"] = body
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


def _or_expression(field: dict[str, Any]) -> dict[str, Any]:
    """Allow `${...}` where a value of another type is expected."""
    kept: dict[str, Any] = {name: field.pop(name) for name in ("title", "description", "default") if name in field}
    return {**kept, "anyOf": [field, {"type": "string", "pattern": r"\$\{[^{}]+\}"}]}
