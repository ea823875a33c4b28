"""The runtime `coreai`."""

from __future__ import annotations

import shutil
import sys

import pytest
from edgesmith_coreai.model import CoreAIModel
from edgesmith_coreai.package import PROGRAM
from edgesmith_coreai.runtime import CoreAIRuntime

from edgesmith import UserError
from edgesmith.testing import RuntimeContract


class TestRuntime(RuntimeContract):
    """The golden pair, in a fresh process."""

    runtime = CoreAIRuntime

    @pytest.fixture(autouse=True)
    def _exported(self, fp32):
        self.exported = fp32.outputs["model"]

    def model(self, folder):
        return self.exported


def test_it_needs_no_torch():
    assert not any(one.startswith(("torch", "coreai-torch")) for one in CoreAIRuntime.requirements)


def test_other_systems_are_told_why_it_is_not_run(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert CoreAIRuntime.unavailable() == "Core AI has no runtime for this system"


def test_a_damaged_package_is_a_users_error(fp32, tmp_path):
    shutil.copytree(fp32.outputs["model"].path, tmp_path / "model")
    damaged = CoreAIModel(tmp_path / "model")
    program = damaged.file / PROGRAM
    program.write_bytes(program.read_bytes()[:1000])
    with pytest.raises(UserError, match="is damaged: its program does not fit its hash"):
        CoreAIRuntime().load(damaged, threads=1)


def test_a_missing_package_is_a_users_error(tmp_path):
    with pytest.raises(UserError, match="is not a Core AI package"):
        CoreAIRuntime().load(CoreAIModel(tmp_path), threads=1)


def test_a_package_without_its_function_is_a_users_error(tmp_path):
    import torch
    from coreai_torch import TorchConverter, get_decomp_table

    exported = torch.export.export(torch.nn.ReLU().eval(), (torch.ones(1, 2),)).run_decompositions(get_decomp_table())
    converter = TorchConverter().add_exported_program(exported, entrypoint_name="other")
    converter.to_coreai().save_asset(tmp_path / CoreAIModel.main)
    with pytest.raises(UserError, match=r"Core AI cannot load .*main"):
        CoreAIRuntime().load(CoreAIModel(tmp_path), threads=1)
