"""What a run leaves in Prefect's UI, without a server: what is made of a plan and of results."""

from edgesmith_flows.prefect_assets import assets_of
from edgesmith_flows.prefect_publish import artifact_key, lineage
from edgesmith_flows.results import summarise

TEXT = """\
name: My_photos
stages:
  a: {uses: write, matrix: {text: ["hi there", "#1 [%]", LONG]}, with: {text: "${matrix.text}"}}
  b: {uses: shout, needs: a@hi_there}
"""


def test_an_asset_is_named_after_its_pipeline_node_and_port(shared_engine):
    plan = shared_engine.plan("a: {uses: write, with: {text: hi}}\nb: {uses: shout, needs: a}")
    asset = assets_of(plan)["a"]["text"]
    assert asset.key == "edgesmith://tiny/a/text"
    assert asset.properties.name == "tiny a"
    assert asset.properties.description == "text, made by write (text: hi)"
    assert assets_of(plan)["b"]["text"].properties.description == "text, made by shout"


def test_a_matrix_value_may_hold_what_prefect_refuses_in_keys_and_be_long(shared_engine):
    found = assets_of(shared_engine.plan(TEXT.replace("LONG", "x" * 900)))
    keys = {asset.key for ports in found.values() for asset in ports.values()}
    assert len(keys) == len(found) == 4
    assert "edgesmith://My_photos/a@hi_there/text" in keys
    assert "edgesmith://My_photos/b/text" in keys


def test_artifact_keys_are_as_prefect_wants_them():
    assert artifact_key("My_photos") == "my-photos"


def test_the_lineage_has_a_row_a_node(shared_engine):
    run = shared_engine.run("name: tiny\nstages:\n  a: {uses: write}\n  b: {uses: shout, needs: a}\n")
    rows = lineage(summarise(run.executor.plan, run.executor.results, shared_engine.store))
    assert [(row["node"], row["stage"], row["from"]) for row in rows] == [("a", "write", ""), ("b", "shout", "a")]
    assert rows[0]["gave"] == f"text {run.executor.results['a'].action.outputs['text'][:12]}"
