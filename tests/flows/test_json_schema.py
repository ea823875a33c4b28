import json

from edgesmith_flows.json_schema import pipeline_schema


def test_the_schema_is_plain_json(registry):
    assert json.loads(json.dumps(pipeline_schema(registry)))["$schema"].startswith("https://json-schema.org/")


def test_every_installed_stage_may_be_used(registry):
    uses = pipeline_schema(registry)["$defs"]["NodeDocument"]["properties"]["uses"]
    assert uses["enum"] == sorted(registry.stages)


def test_a_stages_params_are_completed_and_unknown_ones_refused(registry):
    params = pipeline_schema(registry)["$defs"]["write.Params"]
    assert set(params["properties"]) == {"text", "copies"}
    assert params["additionalProperties"] is False


def test_an_expression_may_stand_for_any_value(registry):
    copies = pipeline_schema(registry)["$defs"]["write.Params"]["properties"]["copies"]
    assert {"type": "string", "pattern": r"\$\{[^{}]+\}"} in copies["anyOf"]


def test_a_target_is_completed_with_its_own_params(registry):
    options = pipeline_schema(registry)["$defs"]["tally.TargetRef"]["anyOf"]
    assert "shelf" in options[0]["enum"]
    (shelf,) = [one for one in options[1:] if one["properties"]["name"] == {"const": "shelf"}]
    assert set(shelf["properties"]) == {"name", "row"}
    assert shelf["additionalProperties"] is False


def test_a_target_that_names_another_takes_its_name_alone_or_its_params(registry):
    name, params = pipeline_schema(registry)["$defs"]["pool.TargetRef"]["anyOf"]
    assert {"host", "shelf"} <= set(name["enum"])
    assert params["required"] == ["name"]


def test_every_reference_leads_somewhere(registry):
    schema = pipeline_schema(registry)
    references = {part for part in json.dumps(schema).split('"') if part.startswith("#/$defs/")}
    assert references
    assert {one.removeprefix("#/$defs/") for one in references} <= set(schema["$defs"])
