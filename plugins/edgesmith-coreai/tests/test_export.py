"""The stage `export-coreai`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest
import torch
from edgesmith_coreai.export import ExportCoreAI
from edgesmith_coreai.model import CoreAIModel
from edgesmith_coreai.package import HASH, METADATA, PROGRAM

from edgesmith import StageFailed, TorchModel
from edgesmith.testing import StageContract, folder_digest, run_stage


class TestFp32(StageContract):
    """The contract of stages: an fp32 package is the same bytes twice."""

    stage = ExportCoreAI

    @pytest.fixture(autouse=True)
    def _model(self, torch_model):
        self.model = torch_model

    def inputs(self, folder):
        folder.mkdir()
        return {"model": self.model}


class TestFp16(TestFp32):
    """The contract of stages: an fp16 package is the same bytes twice."""

    params = {"precision": "fp16"}


def test_another_process_gives_the_same_bytes(fp32, torch_model, tmp_path):
    """Core AI's compiler names weights by a hash that is seeded per process."""
    code = (
        "import sys; from pathlib import Path; from edgesmith import TorchModel; from edgesmith.testing import *; "
        "from edgesmith_coreai.export import ExportCoreAI; "
        "run_stage(ExportCoreAI, Path(sys.argv[2]), {'model': TorchModel(Path(sys.argv[1]))})"
    )
    subprocess.run([sys.executable, "-c", code, torch_model.path, tmp_path], check=True, capture_output=True)
    assert folder_digest(tmp_path / "model") == folder_digest(fp32.outputs["model"].path)


def test_an_fp32_package_computes_what_torch_computes(fp32):
    assert fp32.figures["sqnr_db"] > 100
    assert fp32.figures["agreement"] == 1


def test_the_package_takes_one_image_as_the_network_does(fp32, torch_model):
    model = fp32.outputs["model"]
    assert isinstance(model, CoreAIModel)
    assert model.contract == torch_model.contract.model_copy(update={"batch": 1})
    assert fp32.figures["bytes"] == model.bytes()
    assert fp32.figures["operators"] > 0


def test_nothing_in_the_package_tells_of_this_machine_or_of_now(fp32):
    package = fp32.outputs["model"].file
    assert b"site-packages" not in (package / PROGRAM).read_bytes()
    assert set(json.loads((package / METADATA).read_text())) == {"assetVersion", "producer"}


def test_the_package_holds_its_programs_hash(fp32):
    package = fp32.outputs["model"].file
    assert (package / HASH).read_bytes() == hashlib.sha256((package / PROGRAM).read_bytes()).digest()


def test_an_fp16_package_is_half_as_large_and_close(fp32, torch_model, tmp_path):
    made = run_stage(ExportCoreAI, tmp_path, {"model": torch_model}, {"precision": "fp16"})
    assert made.figures["bytes"] < 0.6 * fp32.figures["bytes"]
    assert 30 < made.figures["sqnr_db"] < 90
    assert made.outputs["model"].contract.dtype == "float32"


def test_a_package_under_the_bar_fails(torch_model, tmp_path):
    with pytest.raises(StageFailed, match=r"SQNR .* expected at least 190"):
        run_stage(ExportCoreAI, tmp_path, {"model": torch_model}, {"min_sqnr": 190})


def test_an_operator_that_core_ai_lacks_is_named(torch_model, tmp_path):
    class Bessel(torch.nn.Module):
        def forward(self, image):
            return torch.special.bessel_j0(image).mean((2, 3))

    class Odd(TorchModel):
        def module(self):
            return Bessel().eval()

    with pytest.raises(StageFailed, match=r"could not make a Core AI package at the operator aten\.special_bessel_j0"):
        run_stage(ExportCoreAI, tmp_path, {"model": Odd(torch_model.path)})
