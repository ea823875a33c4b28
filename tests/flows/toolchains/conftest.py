"""Environments to look at: one that uv built, and folders that only look like one."""

import sys
from pathlib import Path

import pytest

from edgesmith import CONTRACT, Toolchain
from edgesmith_flows.toolchains import Toolchains
from edgesmith_flows.toolchains.environment import platform_name
from edgesmith_flows.toolchains.record import Record, interpreter

OLD = Toolchain(("iniconfig<2",), exclude_newer="2026-11-15")


@pytest.fixture
def fresh(tmp_path):
    return Toolchains(tmp_path / "toolchains")


@pytest.fixture
def pretend(fresh):
    """Make a folder that passes for a built environment: a record, and this interpreter."""

    def pretend(toolchain: Toolchain = OLD, **versions: str) -> Path:
        folder = fresh.folder(toolchain)
        (folder / "bin").mkdir(parents=True)
        interpreter(folder).symlink_to(sys.executable)
        Record(toolchain, versions, versions, "3.11.7", platform_name(), CONTRACT, 1.0).write(folder)
        return folder

    return pretend


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """An isolated environment with an older iniconfig than the one here; its Toolchains, and what was told."""
    made = Toolchains(tmp_path_factory.mktemp("built"))
    told = []
    return made, made.build(OLD, told.append), told
