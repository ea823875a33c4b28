"""What an isolated environment is lent, and what it isn't."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

import edgesmith
from edgesmith import boot


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The interpreter of an environment with nothing installed."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    command = [os.fsdecode(find_uv_bin()), "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)]
    subprocess.run(command, check=True)
    return str(folder / "bin" / "python")


@pytest.fixture
def booted(bare, tmp_path):
    """Run code as a bridged module in the bare environment, and return what it prints."""

    def run(code, bridge=None, *arguments, env=None):
        (tmp_path / "asked.py").write_text(code)
        packages = {"asked": str(tmp_path / "asked.py"), **(bridge or {})}
        command = [bare, "-I", boot.__file__, json.dumps(packages), "asked", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(env or {})}, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return run


IMPORTABLE = """
import importlib.util
for name in ("edgesmith", "pydantic", "edgesmith_flows", "pytest"):
    if importlib.util.find_spec(name):
        print(name)
"""


def test_a_bridged_package_is_importable_and_nothing_else_of_its_environment(booted):
    assert booted(IMPORTABLE) == []
    assert booted(IMPORTABLE, {"edgesmith": next(iter(edgesmith.__path__))}) == ["edgesmith"]


def test_submodules_of_a_bridged_package_follow(booted):
    code = "from edgesmith.errors import UserError; print(UserError('x').exit_code)"
    assert booted(code, {"edgesmith": next(iter(edgesmith.__path__))}) == ["1"]


def test_a_package_without_an_init_can_be_bridged(booted, tmp_path):
    (tmp_path / "loose" / "inner").mkdir(parents=True)
    (tmp_path / "loose" / "inner" / "leaf.py").write_text("COLOUR = 'green'\n")
    assert booted("from loose.inner.leaf import COLOUR; print(COLOUR)", {"loose": str(tmp_path / "loose")}) == ["green"]


def test_the_module_sees_its_own_arguments_and_is_main(booted):
    assert booted("import sys; print(__name__, *sys.argv)", None, "7", "x") == ["__main__", "asked", "7", "x"]


def test_modules_beside_boot_are_not_importable_by_their_short_names(booted):
    assert booted("import importlib.util as u; print(u.find_spec('input_contract'))") == ["None"]


def test_pythonpath_does_not_leak_into_an_isolated_environment(booted, tmp_path):
    (tmp_path / "leak.py").write_text("")
    env = {"PYTHONPATH": str(tmp_path)}
    assert booted("import importlib.util as u; print(u.find_spec('leak'))", env=env) == ["None"]


def test_it_needs_the_standard_library_only():
    imported = {line.split()[1].partition(".")[0] for line in Path(boot.__file__).read_text().splitlines()
                if line.startswith(("import ", "from "))}  # fmt: skip
    assert imported <= set(sys.stdlib_module_names)
