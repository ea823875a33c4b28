"""The stage `export-executorch`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from edgesmith_executorch.export import ExportExecutorch
from edgesmith_executorch.model import ExecutorchModel
from edgesmith_executorch.runtime import ExecutorchRuntime

from edgesmith import StageFailed, TorchModel, UserError, outputs_of
from edgesmith.testing import LocalContext, StageContract, run_stage

INT8 = {"precision": "int8", "data": "blocks", "calibration": 12}


class TestFp32(StageContract):
    """The contract of stages: an fp32 file is the same bytes twice."""

    stage = ExportExecutorch

    @pytest.fixture(autouse=True)
    def _model(self, torch_model):
        self.model = torch_model

    def inputs(self, folder):
        folder.mkdir()
        return {"model": self.model}


class TestInt8(TestFp32):
    """The contract of stages: an int8 file is the same bytes twice."""

    params = INT8

    @pytest.fixture(autouse=True)
    def _data(self, blocks):
        self.blocks = blocks

    def context(self, folder):
        return LocalContext(folder, datasets=[self.blocks])


def test_an_fp32_file_computes_what_torch_computes(fp32):
    assert fp32.figures["sqnr_db"] > 100
    assert fp32.figures["agreement"] == 1


def test_a_convolutional_network_is_xnnpacks_alone(fp32):
    assert (fp32.figures["delegates"], fp32.figures["portable_ops"]) == (1, 0)


def test_the_file_takes_one_image_as_the_network_does(fp32, torch_model):
    model = fp32.outputs["model"]
    assert isinstance(model, ExecutorchModel)
    assert model.contract == torch_model.contract.model_copy(update={"batch": 1})
    assert fp32.figures["bytes"] == model.bytes()


def test_nothing_in_the_file_tells_of_this_machine(fp32):
    content = fp32.outputs["model"].file.read_bytes()
    assert b"site-packages" not in content
    assert b".py" not in content


def test_an_int8_file_is_smaller_and_close(int8, fp32):
    assert int8.figures["bytes"] < 0.5 * fp32.figures["bytes"]
    assert int8.figures["sqnr_db"] > 15
    assert int8.figures["portable_ops"] == 0
    assert int8.figures["calibration_images"] == 12


def test_an_int8_file_takes_and_gives_floats(int8, torch_model):
    runtime = ExecutorchRuntime()
    runtime.load(int8.outputs["model"], threads=1)
    pixels, logits = torch_model.golden()
    found = outputs_of(runtime, int8.outputs["model"].contract, pixels, batch=1)
    assert np.abs(found - logits).max() < 0.3 * np.abs(logits).max()


def test_histograms_give_other_ranges(int8, torch_model, blocks, tmp_path):
    params = {**INT8, "calibration_method": "histogram"}
    made = run_stage(ExportExecutorch, tmp_path, {"model": torch_model}, params, datasets=[blocks])
    assert made.figures["sqnr_db"] > 15
    assert made.outputs["model"].file.read_bytes() != int8.outputs["model"].file.read_bytes()


def test_int8_without_data_is_refused_before_the_run(torch_model, tmp_path):
    with pytest.raises(UserError, match="int8 needs calibration images"):
        run_stage(ExportExecutorch, tmp_path, {"model": torch_model}, {"precision": "int8"})


def test_more_calibration_images_than_there_are_is_refused_before_the_run(torch_model, blocks, tmp_path):
    params = {**INT8, "calibration": 13}
    with pytest.raises(UserError, match="13 images asked for, but the train split of 'blocks' has 12"):
        run_stage(ExportExecutorch, tmp_path, {"model": torch_model}, params, datasets=[blocks])


def test_a_file_under_the_bar_fails(torch_model, blocks, tmp_path):
    with pytest.raises(StageFailed, match=r"SQNR .* expected at least 90"):
        params = {**INT8, "min_sqnr": 90}
        run_stage(ExportExecutorch, tmp_path, {"model": torch_model}, params, datasets=[blocks])


def test_an_operator_without_a_kernel_is_named(torch_model, tmp_path):
    class Bessel(torch.nn.Module):
        def forward(self, image):
            return torch.special.bessel_j0(image).mean((2, 3))

    class Odd(TorchModel):
        def module(self):
            return Bessel().eval()

    with pytest.raises(StageFailed, match=r"could not make a program at the operator aten\.special_bessel_j0"):
        run_stage(ExportExecutorch, tmp_path, {"model": Odd(torch_model.path)})
