"""A plugin's failure while a pipeline is planned is told with its name."""

import sys

import pytest

from edgesmith import UserError
from edgesmith_flows.blame import PluginFailed, blamed, expect
from edgesmith_flows.registry import load_registry
from edgesmith_flows.yaml_source import PipelineError

BAD = """
from edgesmith import Dataset, DatasetRef, Report, Stage, hookimpl

class Check(Stage):
    name, outputs = "bad-check", {"report": Report}
    def run(self, ctx, inputs, params): ...
    @classmethod
    def check(cls, params, kinds, datasets):
        return {}["no such key"]

class Chain(Stage):
    name, outputs = "bad-toolchain", {"report": Report}
    def run(self, ctx, inputs, params): ...
    @classmethod
    def toolchain(cls, params, kinds):
        return ("numpy",)

class Reads(Stage):
    name, outputs = "reads", {"report": Report}
    class Params(Stage.Params):
        data: DatasetRef = DatasetRef(name="bad-data")
    def run(self, ctx, inputs, params): ...

class Data(Dataset):
    name = "bad-data"
    def fingerprint(self, digest): ...
    def check(self):
        raise OSError("no such host")

@hookimpl
def edgesmith_stages():
    return [Check, Chain, Reads]

@hookimpl
def edgesmith_datasets():
    return [Data]
"""


@pytest.fixture
def engine_with_bad(engine, tmp_path):
    (tmp_path / "bad_planner.py").write_text(BAD)
    engine.registry = load_registry(["playground.plugin", "bad_planner"], tmp_path)
    yield engine
    sys.modules.pop("bad_planner", None)


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        (
            "bad-check",
            "check() of the stage 'bad-check' (local module) failed: KeyError: 'no such key' (bad_planner.py, line 9)",
        ),
        (
            "bad-toolchain",
            "toolchain() of the stage 'bad-toolchain' (local module) failed: TypeError: it returned ('numpy',); "
            "expected a Toolchain\n",
        ),
        (
            "reads",
            "check() of the dataset 'bad-data' (local module) failed: OSError: no such host (bad_planner.py, line 28)",
        ),
    ],
)
def test_a_plugin_that_fails_in_planning_is_one_of_the_pipelines_problems(engine_with_bad, stage, told):
    with pytest.raises(PipelineError) as raised:
        engine_with_bad.resolve(f"a: {{uses: {stage}}}\nb: {{uses: no-such-stage}}")
    assert told in str(raised.value)
    assert "hint: update or uninstall its distribution, or tell its authors" in str(raised.value)
    assert "unknown stage 'no-such-stage'" in str(raised.value), "the other problems are told, too"


def test_what_a_plugin_says_itself_passes():
    with pytest.raises(UserError, match=r"^say please$"), blamed("stage 'a'", "acme 1.0", "check"):
        raise UserError("say please")


def test_edgesmiths_own_lines_are_not_named():
    with pytest.raises(PluginFailed, match=r"expected a str$"), blamed("stage 'a'", "acme 1.0", "check"):
        raise PluginFailed("expected a str")
    with pytest.raises(PluginFailed) as raised, blamed("target 't'", "acme 1.0", "identity"):
        expect(str, 3)
    assert (
        raised.value.message
        == "identity() of the target 't' (acme 1.0) failed: TypeError: it returned 3; expected a str"
    )
