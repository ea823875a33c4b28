"""`edgesmith toolchain`."""

import sys

import pytest

from edgesmith import CONTRACT, Toolchain
from edgesmith_flows.toolchains import Toolchains
from edgesmith_flows.toolchains.environment import platform_name
from edgesmith_flows.toolchains.record import RECORD, Record, interpreter

DEMAND = Toolchain(("click<1",), exclude_newer="2026-11-15")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGESMITH_TOOLCHAINS", str(tmp_path / "toolchains"))
    return tmp_path / "toolchains"


@pytest.fixture
def pretend(root):
    """Make a folder that passes for a built environment."""

    def pretend(toolchain=DEMAND):
        folder = Toolchains(root).folder(toolchain)
        (folder / "bin").mkdir(parents=True)
        interpreter(folder).symlink_to(sys.executable)
        Record(toolchain, {}, {"click": "0.9"}, "3.11.7", platform_name(), CONTRACT, 12.3).write(folder)
        return folder

    return pretend


class TestLs:
    def test_nothing_is_built_at_first(self, call, root):
        assert call("toolchain", "ls").out == f"0 toolchains, 0 MB in {root}\n"

    def test_each_is_told_with_its_size_use_and_users(self, call, pretend):
        folder = pretend()
        pretend(Toolchain(("click",), python="3.12"))
        told = call("toolchain", "ls").out
        assert f"{folder.name[:12]}  0 MB, used 0 days ago, Python 3.11.7, 1 distributions, built in 12 s" in told
        assert "  click<1\n" in told
        assert "  click on Python 3.12\n" in told
        assert "for no installed stage by its choices alone" in told

    def test_one_that_a_stage_wants_says_so(self, call, pretend):
        from edgesmith_stages.export_tflite import ExportTflite

        pretend(ExportTflite.toolchain(ExportTflite.Params(), {}))
        (told,) = [line for line in call("toolchain", "ls").out.splitlines() if line.startswith("  for ")]
        assert "export-tflite" in told

    def test_a_damaged_one_is_told_with_what_to_do(self, call, pretend):
        folder = pretend()
        (folder / RECORD).unlink()
        assert f"can't be used: `edgesmith toolchain rm {folder.name[:12]}`" in call("toolchain", "ls").out


class TestRm:
    def test_by_name(self, call, pretend):
        folder = pretend()
        assert call("toolchain", "rm", folder.name[:8]).out.startswith(f"{folder.name[:12]}: removed")
        assert not folder.exists()

    def test_those_unused_for_long(self, call, pretend):
        folder = pretend()
        assert call("toolchain", "rm", "--unused-days", "1").out == ""
        assert folder.exists()
        call("toolchain", "rm", "--unused-days", "0")
        assert not folder.exists()

    def test_all(self, call, pretend):
        one, other = pretend(), pretend(Toolchain(("click<2",)))
        call("toolchain", "rm", "--all")
        assert not one.exists() and not other.exists()

    def test_one_in_use_stays_and_is_told(self, call, pretend, root):
        folder = pretend()
        user = Toolchains(root)
        user.find(DEMAND)
        told = call("toolchain", "rm", "--all")
        assert told.code == 1
        assert f"{folder.name[:12]} stays: a running pipeline uses it" in told.err

    @pytest.mark.parametrize("arguments", [(), ("abc", "--all"), ("--all", "--unused-days", "3")])
    def test_what_to_remove_must_be_said_in_one_way(self, call, arguments):
        told = call("toolchain", "rm", *arguments)
        assert told.code == 1
        assert "give one of NAME, --unused-days N and --all" in told.err


class TestBuild:
    def test_what_is_met_here_needs_no_building(self, call, project):
        (project / "p.yaml").write_text("name: p\nstages:\n  a: {uses: demand}\n  b: {uses: demand}\n")
        assert call("toolchain", "build", "p.yaml").out == "a, b: this environment (click)\n"

    @pytest.mark.slow
    def test_what_can_not_be_built_is_told_after_the_rest(self, call, project):
        (project / "p.yaml").write_text(
            "name: p\nstages:\n  bad: {uses: demand, with: {specifier: <0.0.1}}\n  good: {uses: demand}\n"
        )
        told = call("toolchain", "build", "p.yaml")
        assert told.out.endswith("good: this environment (click)\n")
        assert (told.code, told.err.startswith("error: bad: a toolchain could not be built")) == (1, True)

    @pytest.mark.slow
    def test_it_is_there_for_an_offline_run_and_well(self, call, project):
        text = "name: p\nstages:\n  a: {uses: demand, with: {package: iniconfig, specifier: <2}}\n"
        (project / "p.yaml").write_text(text)
        assert "a: " in call("toolchain", "build", "p.yaml").out
        assert "ok (iniconfig<2)" in call("toolchain", "doctor").out
        assert "a: will run" in call("run", "p.yaml", "--dry-run", "--offline").out


class TestDoctor:
    def test_what_is_wrong_is_told_with_what_to_do(self, call, pretend):
        folder = pretend()
        interpreter(folder).unlink()
        told = call("toolchain", "doctor")
        assert told.code == 1
        assert f"{folder.name[:12]}: ill" in told.out
        assert f"what to do: `edgesmith toolchain rm {folder.name[:12]}`" in told.out

    def test_nothing_to_check_is_well(self, call):
        assert call("toolchain", "doctor").code == 0
