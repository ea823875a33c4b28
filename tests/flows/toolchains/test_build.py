"""Isolated environments are built once, whole or not at all."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from edgesmith import Toolchain, UserError
from edgesmith_flows.toolchains import Toolchains
from edgesmith_flows.toolchains import build as building
from edgesmith_flows.toolchains.build import lock_of, sweep
from edgesmith_flows.toolchains.record import Record

from .conftest import OLD

NOWHERE = Toolchain(("click<0.0.1",), exclude_newer="2026-11-15")
QUICK = Toolchain(("iniconfig==1.1.1",), exclude_newer="2026-11-15")


def folders(root):
    return sorted(path.name for path in root.iterdir() if path.is_dir() and path.name != ".locks")


class TestLeftOvers:
    @pytest.fixture
    def root(self, tmp_path):
        for name in (".building-abc-x1_y", ".removing-def-2", ".building-ghi-3"):
            (tmp_path / name / "lib").mkdir(parents=True)
        return tmp_path

    def test_those_of_dead_builds_go_and_those_of_live_ones_stay(self, root):
        with lock_of(root / "ghi"):
            sweep(root)
        assert folders(root) == [".building-ghi-3"]

    def test_the_builder_itself_clears_its_own(self, root):
        with lock_of(root / "abc"):
            sweep(root, held=root / "abc")
        assert folders(root) == []


@pytest.mark.slow
class TestBuild:
    def test_it_has_the_versions_that_were_asked_for(self, built):
        _, environment, told = built
        assert environment.isolated
        assert environment.versions["iniconfig"].startswith("1.")
        assert told == ["building the toolchain for iniconfig<2", "built the toolchain for iniconfig<2"]

    def test_it_is_recorded(self, built):
        made, environment, _ = built
        record = Record.read(made.folder(OLD))
        assert record.toolchain == OLD
        assert record.freeze.items() >= {**environment.versions}.items()
        assert {"numpy", "pydantic", "pydantic-core"} <= set(record.freeze)
        assert record.python == ".".join(map(str, sys.version_info[:3]))
        assert record.seconds > 0

    def test_it_is_built_once(self, built, monkeypatch):
        made, environment, _ = built
        monkeypatch.setattr(building, "_install", lambda *_: pytest.fail("built again"))
        assert Toolchains(made.root).build(OLD) == environment
        assert Toolchains(made.root, offline=True).find(OLD) == environment

    def test_nothing_of_this_environment_is_in_it(self, built):
        _, environment, _ = built
        code = "import importlib.util as u; print([n for n in ('click', 'edgesmith', 'pytest') if u.find_spec(n)])"
        done = subprocess.run([environment.python, "-I", "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"

    def test_two_at_once_build_one(self, fresh):
        told, found = [], []

        def build():
            found.append(Toolchains(fresh.root).build(QUICK, told.append))

        both = [threading.Thread(target=build) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert found[0] == found[1]
        assert len(told) == 2
        assert folders(fresh.root) == [found[0].name]

    def test_overrides_and_constraints_hold(self, fresh):
        """On what pydantic asks for, here."""
        wanted = Toolchain(
            ("iniconfig<2",),
            exclude_newer="2026-11-15",
            overrides=("annotated-types==0.6.0",),
            constraints=("typing-extensions<4.15", "never-asked-for<1"),
        )
        versions = fresh.build(wanted).versions
        assert versions["annotated-types"] == "0.6.0"
        assert versions["typing-extensions"].startswith("4.14")
        assert set(versions) == {"annotated-types", "iniconfig", "typing-extensions"}

    def test_one_that_fails_is_told_in_uvs_words_and_leaves_nothing(self, fresh):
        with pytest.raises(UserError) as caught:
            fresh.build(NOWHERE)
        message = str(caught.value)
        assert "a toolchain could not be built" in message
        assert "click" in message.partition("failed:")[2]
        assert "hint: the requirements contradict each other" in message
        assert folders(fresh.root) == []
        assert fresh.find(NOWHERE) is None

    @pytest.mark.parametrize(
        ("python", "told"), [("3.99", "No interpreter found"), ("cpython@9", "is not a Python version")]
    )
    def test_a_python_that_is_not_there_is_told(self, fresh, monkeypatch, python, told):
        monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
        with pytest.raises(UserError, match=told):
            fresh.build(Toolchain(("iniconfig",), python=python))

    def test_a_killed_build_is_never_used_and_its_rest_goes_with_the_next(self, fresh):
        """SIGKILL while uv installs."""
        code = (
            "import sys; from pathlib import Path; from edgesmith import Toolchain; "
            "from edgesmith_flows.toolchains import Toolchains; "
            f"Toolchains(Path(sys.argv[1])).build(Toolchain({OLD.requirements!r}, {OLD.exclude_newer!r}))"
        )
        victim = subprocess.Popen([sys.executable, "-c", code, str(fresh.root)], start_new_session=True)
        until = time.monotonic() + 60
        while not list(fresh.root.glob(".building-*/lib")) and time.monotonic() < until:
            time.sleep(0.005)
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        assert [name.startswith(".building-") for name in folders(fresh.root)] == [True]
        assert fresh.find(OLD) is None
        environment = fresh.build(OLD)
        assert folders(fresh.root) == [environment.name]
