"""The reference pages: current, complete, and made from what stands in the code."""

import inspect
import subprocess
import sys
from typing import Literal

import pytest
from pydantic import BaseModel, Field

import edgesmith
from edgesmith import DatasetRef, Stage, hooks
from edgesmith_flows.plugin_rules import KNOWN_HOOKS
from edgesmith_flows.reference.__main__ import FOLDER, update
from edgesmith_flows.reference.docstrings import parse
from edgesmith_flows.reference.pages import commands, missing, own, pages
from edgesmith_flows.reference.params import description, table, undescribed
from edgesmith_flows.registry import Registry


def test_the_pages_are_current():
    assert update(FOLDER, check=True) == [], "run `python -m edgesmith_flows.reference`"


def test_nothing_lacks_a_description(registry):
    assert missing(registry) == []


class TestComplete:
    @pytest.mark.parametrize("hook", KNOWN_HOOKS)
    def test_every_hook_is_there_with_its_arguments(self, registry, hook):
        text = pages(registry)["hooks.md"].partition(f"## {hook}\n")[2]
        assert f"`{hook}(" in text
        assert all(name in text for name in inspect.signature(getattr(hooks, hook)).parameters)

    def test_every_stage_is_there_with_its_ports_and_params(self, registry):
        page = pages(registry)["stages.md"]
        for stage in own(registry, "stages"):
            text = page.partition(f"\n## {stage.name}\n")[2].partition("\n## ")[0]
            assert all(f"| in: `{port}` |" in text for port in stage.inputs)
            assert all(f"| out: `{port}` |" in text for port in stage.outputs)
            assert all(f"| `{param}` |" in text for param in stage.Params.model_fields)

    @pytest.mark.parametrize("what", ["kinds", "runtimes", "targets", "datasets"])
    def test_every_other_built_in_is_there(self, registry, what):
        page = pages(registry)[f"{what}.md"]
        for cls in own(registry, what):
            assert f"\n## {cls.kind if what == 'kinds' else cls.name}\n" in page

    def test_every_command_is_there_with_its_options(self, registry):
        page = pages(registry)["commands.md"]
        for name, command in commands():
            text = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
            assert all(one.opts[0] in text for one in command.params if one.param_type_name == "option")

    def test_every_name_that_authors_import_is_there(self, registry):
        page = pages(registry)["api.md"]
        assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == edgesmith.__all__

    def test_other_peoples_plugins_are_not(self, registry):
        assert "write" in registry.stages
        assert "\n## write\n" not in pages(registry)["stages.md"]


class Silent(Stage):
    name = "silent"

    class Params(Stage.Params):
        said: int = Field(default=1, description="a number")
        unsaid: int = 2


def test_a_stage_or_param_without_a_description_is_named():
    Silent.__doc__ = None
    registry = Registry(stages={"silent": Silent}, origins={("stages", "silent"): "edgesmith 1.0"})
    assert missing(registry) == ["stage silent", "stage silent, param unsaid"]


def test_a_hooks_argument_without_a_description_is_named(monkeypatch):
    def edgesmith_stages(config):
        """Return stages."""

    monkeypatch.setattr(hooks, "edgesmith_stages", edgesmith_stages)
    assert missing(Registry()) == ["hook edgesmith_stages(config)"]


class Inner(BaseModel):
    """Every number from `low` on.

    Attributes:
        high: where it
            ends.
    """

    low: int = 0
    high: float | None = None


class Params(BaseModel):
    data: DatasetRef = Field(default=DatasetRef(name="digits"), description="what to read")
    kind: Literal["a", "b"] = Field(default="a", description="a | b")
    count: int = Field(ge=1, lt=9, description="how many")
    inner: list[Inner] = Field(default=[], description="ranges")
    bare: str = ""


def test_params_become_a_table():
    first, second, third = table(Params).split("\n\n")
    assert first.splitlines()[2:] == [
        "| `data` | dataset | `digits` | what to read |",
        r"| `kind` | `a` or `b` | `a` | a \| b |",
        "| `count` | integer >= 1, < 9 | required | how many |",
        "| `inner` | list of `Inner` | `[]` | ranges |",
        '| `bare` | string | `""` |  |',
    ]
    assert second == "`Inner`:"
    assert "| `high` | number or null | `null` | where it ends. |" in third


def test_a_param_is_described_by_its_field_or_its_models_docstring():
    assert description(Inner, "low") == "Every number from `low` on."
    assert list(undescribed(Params)) == ["bare"]


def test_docstrings_are_taken_apart():
    made = parse(
        "Do it.\n\nSlowly::\n\n    do()\n\nArgs:\n    what: the thing,\n        all of it.\n\nRaises:\n    OSError: no."
    )
    assert made.summary == "Do it."
    assert made.described("what") == "the thing, all of it."
    assert made.markdown() == (
        "Do it.\n\nSlowly:\n\n```python\ndo()\n```\n\n"
        "Args:\n\n- `what`: the thing, all of it.\n\nRaises:\n\n- `OSError`: no."
    )


def test_stale_pages_are_named_and_mended(tmp_path):
    written = update(tmp_path)
    assert "stages.md" in written
    (tmp_path / "stages.md").write_text("old")
    (tmp_path / "gone.md").write_text("of another time")
    assert update(tmp_path, check=True) == ["gone.md", "stages.md"]
    assert (tmp_path / "stages.md").read_text() == "old"
    update(tmp_path)
    assert update(tmp_path, check=True) == []
    assert not (tmp_path / "gone.md").exists()


@pytest.mark.slow
def test_the_check_ends_with_1_where_a_page_is_not_current(tmp_path):
    command = [sys.executable, "-m", "edgesmith_flows.reference", "--check", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "stages.md: not current: run `python -m edgesmith_flows.reference`" in done.stdout
