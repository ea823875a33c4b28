"""A stage runs here where this environment meets its requirements, else in an isolated one that uv builds once."""

import subprocess
import sys
from importlib import metadata

import pytest

from edgesmith import Toolchain, UserError
from edgesmith_flows import toolchains as module
from edgesmith_flows.toolchains import Toolchains, default_root, parse_requirements

OLD = Toolchain(("iniconfig<2",), exclude_newer="2026-11-15")
NOWHERE = Toolchain(("click<0.0.1",), exclude_newer="2026-11-15")


@pytest.fixture
def fresh(tmp_path):
    return Toolchains(tmp_path / "toolchains")


class TestHere:
    def test_no_requirements_are_met_here(self, fresh):
        found = fresh.find(Toolchain())
        assert (found.name, found.python, found.isolated) == ("here", sys.executable, False)

    def test_the_resolved_versions_of_what_was_declared_are_known(self, fresh):
        found = fresh.find(Toolchain(("Click>=8", "PyYAML")))
        assert found.versions == {"click": metadata.version("click"), "pyyaml": metadata.version("pyyaml")}

    def test_a_requirement_for_another_platform_does_not_count(self, fresh):
        assert fresh.find(Toolchain(("winreg-tools>=1; sys_platform == 'win32'",))).versions == {}

    @pytest.mark.parametrize("requirement", ["click<1", "no-such-package", "click!=" + metadata.version("click")])
    def test_what_is_missing_or_too_old_is_not_met_here(self, fresh, requirement):
        assert fresh.find(Toolchain((requirement,))) is None

    def test_a_text_that_is_no_requirement_is_a_users_error(self):
        with pytest.raises(UserError, match="'click>>8' is not a requirement"):
            parse_requirements(["click>>8"])


class TestPlaces:
    def test_they_live_in_the_users_cache_unless_told_otherwise(self, monkeypatch, tmp_path):
        monkeypatch.delenv("EDGESMITH_TOOLCHAINS", raising=False)
        assert default_root().parts[-2:] == ("edgesmith", "toolchains")
        monkeypatch.setenv("EDGESMITH_TOOLCHAINS", str(tmp_path))
        assert default_root() == tmp_path

    def test_the_order_of_requirements_does_not_matter(self, fresh):
        assert fresh._folder(Toolchain(("a", "b"))) == fresh._folder(Toolchain(("b", "a")))

    def test_requirements_and_date_do(self, fresh):
        wanted = [Toolchain(("a",)), Toolchain(("a>1",)), Toolchain(("a",), exclude_newer="2026-01-01")]
        assert len({fresh._folder(one) for one in wanted}) == 3


class TestNotBuilt:
    def test_finding_builds_nothing(self, fresh):
        assert fresh.find(OLD) is None
        assert not fresh.root.exists()

    def test_offline_forbids_building(self, tmp_path):
        with pytest.raises(UserError, match="iniconfig<2 is not built, and --offline forbids building it"):
            Toolchains(tmp_path, offline=True).build(OLD)

    def test_offline_still_uses_what_is_here(self, tmp_path):
        assert Toolchains(tmp_path, offline=True).build(Toolchain(("click",))).name == "here"

    def test_a_build_that_fails_is_told_in_uvs_words_and_leaves_nothing(self, fresh):
        with pytest.raises(UserError) as caught:
            fresh.build(NOWHERE)
        message = str(caught.value)
        assert "a toolchain could not be built" in message
        assert "click" in message.partition("failed:")[2]
        assert "hint: " in message
        assert [path.name for path in fresh.root.iterdir() if path.is_dir()] == []
        assert fresh.find(NOWHERE) is None

    @pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"versions": 3}'])
    def test_a_half_built_one_is_never_used(self, fresh, content):
        folder = fresh._folder(OLD)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)
        if content is not None:
            (folder / "toolchain.json").write_text(content)
        assert fresh.find(OLD) is None

    def test_one_whose_python_is_gone_is_not_used(self, fresh):
        folder = fresh._folder(OLD)
        folder.mkdir(parents=True)
        (folder / "toolchain.json").write_text('{"versions": {}}')
        assert fresh.find(OLD) is None


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """An isolated environment with an older iniconfig than the one here."""
    made = Toolchains(tmp_path_factory.mktemp("built"))
    told = []
    return made, made.build(OLD, told.append), told


@pytest.mark.slow
class TestIsolated:
    def test_it_is_built_with_the_versions_that_were_asked_for(self, built):
        _, environment, told = built
        assert environment.isolated
        assert environment.versions["iniconfig"].startswith("1.")
        assert told == ["building the toolchain for iniconfig<2", "built the toolchain for iniconfig<2"]

    def test_it_is_built_once(self, built, monkeypatch):
        made, environment, _ = built
        monkeypatch.setattr(module, "_build", lambda *_: pytest.fail("built again"))
        assert Toolchains(made.root).build(OLD) == environment
        assert Toolchains(made.root, offline=True).find(OLD) == environment

    def test_nothing_of_this_environment_is_in_it(self, built):
        _, environment, _ = built
        code = "import importlib.util as u; print([n for n in ('click', 'edgesmith', 'pytest') if u.find_spec(n)])"
        done = subprocess.run([environment.python, "-I", "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"

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
