"""A stage runs here where this environment meets its requirements, else in an isolated one."""

import dataclasses
import gc
import sys
import threading
from importlib import metadata

import pytest

from edgesmith import Toolchain, UserError
from edgesmith_flows.toolchains import Toolchains, default_root
from edgesmith_flows.toolchains import build as building
from edgesmith_flows.toolchains.record import RECORD, alone

from .conftest import OLD


class TestHere:
    def test_no_requirements_are_met_here(self, fresh):
        found = fresh.find(Toolchain())
        assert (found.name, found.python, found.isolated) == ("here", sys.executable, False)

    def test_the_resolved_versions_of_what_was_declared_are_known(self, fresh):
        assert fresh.find(Toolchain(("Click>=8",))).versions == {"click": metadata.version("click")}


class TestPlaces:
    def test_they_live_in_the_users_cache_unless_told_otherwise(self, monkeypatch, tmp_path):
        monkeypatch.delenv("EDGESMITH_TOOLCHAINS", raising=False)
        assert default_root().parts[-2:] == ("edgesmith", "toolchains")
        monkeypatch.setenv("EDGESMITH_TOOLCHAINS", str(tmp_path))
        assert default_root() == tmp_path

    def test_the_order_of_requirements_does_not_matter(self, fresh):
        assert fresh.folder(Toolchain(("a", "b"))) == fresh.folder(Toolchain(("b", "a", "b")))

    def test_everything_else_does(self, fresh):
        plain = Toolchain(("a",))
        others = [
            Toolchain(("a>1",)),
            *(
                dataclasses.replace(plain, **{name: value})
                for name, value in [
                    ("exclude_newer", "2026-01-01"),
                    ("overrides", ("b",)),
                    ("constraints", ("b",)),
                    ("python", "3.12"),
                ]
            ),
        ]
        assert len({fresh.folder(one) for one in (plain, *others)}) == 6


class TestNotBuilt:
    def test_finding_builds_nothing(self, fresh):
        assert fresh.find(OLD) is None
        assert not fresh.root.exists()

    def test_offline_forbids_building_and_names_what_is_missing(self, tmp_path):
        with pytest.raises(UserError) as caught:
            Toolchains(tmp_path, offline=True).build(Toolchain(("iniconfig<2", "click")))
        assert "iniconfig<2, click is not built, and --offline forbids building it" in str(caught.value)
        assert "(this environment lacks iniconfig<2)" in str(caught.value)
        assert "edgesmith toolchain build" in str(caught.value)

    def test_all_that_is_missing_is_told_at_once(self, tmp_path):
        with pytest.raises(UserError, match=r"(?s)for iniconfig<2 is .*for click<1 on Python 3.12 is "):
            Toolchains(tmp_path, offline=True).refuse_offline(
                [OLD, Toolchain(("click",)), Toolchain(("click<1",), python="3.12")]
            )

    def test_offline_still_uses_what_is_here(self, tmp_path):
        assert Toolchains(tmp_path, offline=True).build(Toolchain(("click",))).name == "here"

    @pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"toolchain": 3}', '{"toolchain": {}, "x": 1}'])
    def test_a_half_built_one_is_never_used(self, fresh, pretend, content):
        file = pretend() / RECORD
        file.unlink()
        if content is not None:
            file.write_text(content)
        assert fresh.find(OLD) is None

    def test_one_whose_python_is_gone_is_not_used(self, fresh, pretend):
        (pretend() / "bin" / "python").unlink()
        assert fresh.find(OLD) is None


class TestTools:
    def test_a_missing_one_is_known_before_the_run(self, engine):
        plan = engine.plan("a: {uses: borrow}")
        assert plan.steps["a"].reasons == ("its toolchain must be built (iniconfig<2)",)


class TestUse:
    def test_its_recorded_versions_are_known(self, fresh, pretend):
        folder = pretend(iniconfig="1.1.1")
        found = fresh.find(OLD)
        assert (found.name, dict(found.versions), found.isolated) == (folder.name, {"iniconfig": "1.1.1"}, True)

    def test_it_is_held_for_as_long_as_its_finder_lives(self, fresh, pretend):
        folder = pretend()
        finder = Toolchains(fresh.root)
        finder.find(OLD)
        with alone(folder) as free:
            assert not free
        del finder
        gc.collect()
        with alone(folder) as free:
            assert free

    def test_one_that_is_removed_meanwhile_is_not_used(self, fresh, pretend):
        """Whoever finds it while it is being removed waits for that to end, and then has to build."""
        folder = pretend()
        found = []
        with alone(folder):
            finder = threading.Thread(target=lambda: found.append(fresh.find(OLD)))
            finder.start()
            building.discard(folder)
        finder.join()
        assert found == [None]


@pytest.mark.slow
class TestIsolated:
    def test_a_stage_runs_in_it_and_sees_its_versions(self, engine, built):
        engine.toolchains = built[0]
        text = """
            old: {uses: demand, with: {package: iniconfig, specifier: <2}}
            new: {uses: demand, with: {package: iniconfig}}
            loud: {uses: shout, needs: old}
            """
        run = engine.run(text)
        assert run.figures("old")["version"].startswith("1.")
        assert run.figures("new")["version"] == metadata.version("iniconfig")
        assert run.text("loud").startswith("1.")
        assert engine.run(text).states == {"old": "cached", "new": "cached", "loud": "cached"}

    def test_its_versions_are_part_of_the_key(self, engine, built):
        engine.toolchains = built[0]
        pipeline = engine.resolve("a: {uses: demand, with: {package: iniconfig, specifier: <2}}")
        tools = engine.identities(pipeline).document(pipeline.nodes["a"], {})["tools"]
        assert tools == {"iniconfig": built[1].versions["iniconfig"]}

    def test_a_stage_calls_functions_in_it(self, engine, built):
        """The stage itself runs here."""
        engine.toolchains = built[0]
        run = engine.run("a: {uses: borrow}")
        assert run.figures("a") == {"version": built[1].versions["iniconfig"], "python": built[1].python}
        assert ("a", "INFO", "looking for iniconfig") in run.heard.logs
        assert engine.run("a: {uses: borrow}").states == {"a": "cached"}

    def test_the_versions_of_its_tools_are_part_of_the_key(self, engine, built):
        engine.toolchains = built[0]
        pipeline = engine.resolve("a: {uses: borrow}\nb: {uses: borrow, with: {borrow: false}}")
        with_tool, without = (engine.identities(pipeline).document(pipeline.nodes[name], {}) for name in "ab")
        assert with_tool["toolchains"] == {"old": {"iniconfig": built[1].versions["iniconfig"]}}
        assert "toolchains" not in without

    def test_a_tool_that_the_stage_did_not_name_is_an_error(self, engine, built):
        engine.toolchains = built[0]
        run = engine.run("a: {uses: borrow, with: {tool: odd}}")
        assert "unknown tool 'odd'; did you mean 'old'?" in run.error("a")
