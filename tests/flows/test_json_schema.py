import copy
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from edgesmith_flows.json_schema import file_schema, pipeline_schema
from edgesmith_flows.registry import load_registry

PIPELINES = Path(__file__).parents[2] / "pipelines"


@pytest.fixture(scope="module")
def shipped() -> dict:
    """The schema with the built-in stages."""
    return file_schema(load_registry((), PIPELINES.parent))


@pytest.fixture(scope="module")
def problems(shipped):
    """What is wrong with a document: places and messages."""
    validator = jsonschema.Draft202012Validator(shipped)
    return lambda document: [(one.json_path, one.message) for one in validator.iter_errors(document)]


@pytest.fixture
def nightly() -> dict:
    return yaml.safe_load((PIPELINES / "nightly.yaml").read_text())


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
    schema = file_schema(registry)
    references = {part for part in json.dumps(schema).split('"') if part.startswith("#/$defs/")}
    assert references
    assert {one.removeprefix("#/$defs/") for one in references} <= set(schema["$defs"])


def test_every_file_that_ships_fits(shipped, tmp_path):
    """As an editor or a linter reads them: by another program."""
    (tmp_path / "schema.json").write_text(json.dumps(shipped))
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(tmp_path / "schema.json")]
    done = subprocess.run([*command, *sorted(PIPELINES.glob("*.yaml"))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_nightly_names_pipelines_or_gives_them_params(problems, nightly):
    nightly["nightly"]["pipelines"] = ["smoke", {"name": "smoke", "set": {"image_size": 64}}]
    assert problems(nightly) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("nightly", "pipelines"), []),
        (("nightly", "pipelines"), [{"set": {}}]),
        (("nightly", "rules", "latency", "at_least"), 5),
        (("nightly", "rules", "figures"), {"top1": {"better": "up"}}),
        (("nightly", "baselines"), "x"),
        (("params",), {"image_size": 3}),
    ],
)
def test_what_is_wrong_in_a_nightly_is_told_as_a_nightlys(problems, nightly, place, value):
    document = copy.deepcopy(nightly)
    inner = document
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    found = problems(document)
    assert found
    assert not any("stages" in message for _, message in found)


def test_what_is_wrong_in_a_pipeline_is_told_where_it_stands(problems):
    document = {"name": "x", "stages": {"a": {"uses": "train", "with": {"epochz": 3}}}}
    assert [place for place, _ in problems(document)] == ["$.stages.a.with"]
