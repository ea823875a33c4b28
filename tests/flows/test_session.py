"""From a pipeline's name to a plan."""

import pytest

from edgesmith import UserError
from edgesmith_flows.session import load_pipeline, open_session, plan_session
from edgesmith_flows.settings import load_settings
from edgesmith_flows.toolchains import Toolchains

PLUGIN = """
from edgesmith import Stage, hookimpl

class Nod(Stage):
    "Nod."
    name = "NAME"

    def run(self, ctx, inputs, params):
        pass

@hookimpl
def edgesmith_stages():
    return [Nod]
"""


def test_a_pipeline_may_bring_a_plugin_of_its_own(project):
    (project / "nodding.py").write_text(PLUGIN.replace("NAME", "nod"))
    (project / "p.yaml").write_text("name: p\nplugins: [nodding]\nstages: {a: {uses: nod}, b: {uses: write}}\n")
    pipeline, registry = load_pipeline("p.yaml", load_settings())
    assert pipeline.nodes["a"].stage.name == "nod"
    assert registry.origins["stages", "nod"] == "local module"


def test_a_plugin_that_failed_is_told_where_its_stage_is_missing(project):
    (project / "stumbling.py").write_text("1 / 0")
    (project / "p.yaml").write_text("name: p\nplugins: [stumbling]\nstages: {a: {uses: stumble}}\n")
    with pytest.raises(UserError, match=r"unknown stage 'stumble'(.|\n)*stumbling \(local module\): ZeroDivisionError"):
        load_pipeline("p.yaml", load_settings())


def test_a_pipeline_is_checked_before_a_store_is_made(project, tmp_path):
    (project / "p.yaml").write_text("name: p\nstages: {a: {uses: nothing}}\n")
    with pytest.raises(UserError):
        open_session("p.yaml", load_settings())
    assert not (tmp_path / "store").exists()


def test_planning_remembers_the_digests_of_files(project, tmp_path):
    import time

    (project / "words").write_text("one two")
    (project / "p.yaml").write_text("name: p\nstages: {a: {uses: quote, with: {file: words}}}\n")
    time.sleep(0.11)
    plan_session(open_session("p.yaml", load_settings()))
    assert (tmp_path / "store" / "memo.sqlite").stat().st_size > 0


def test_offline_reaches_the_toolchains(project, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGESMITH_TOOLCHAINS", str(tmp_path / "toolchains"))
    (project / "p.yaml").write_text("name: p\nstages: {a: {uses: write}}\n")
    toolchains = open_session("p.yaml", load_settings(), offline=True).identities.toolchains
    assert isinstance(toolchains, Toolchains)
    assert toolchains.offline
