"""The `coreml` target, as far as it can be looked at without Core ML; on macOS the contract runs a model."""

import sys

import pytest

from edgesmith import Launch, OnnxModel, RuntimeUnavailable, UserError
from edgesmith.target import make_target
from edgesmith.testing import TargetContract, run_stage
from edgesmith_stages.runtimes.coreml import CoreML
from edgesmith_stages.targets.coreml import RUNTIMES, CoreMLUnits

elsewhere = pytest.mark.skipif(sys.platform == "darwin", reason="this machine has Core ML")


@pytest.mark.slow
class TestCoreMLUnits(TargetContract):
    target = CoreMLUnits
    params = {"compute_units": "cpu-only"}
    runtime = CoreML

    @pytest.fixture(autouse=True)
    def _given(self, save_timm):
        self.save = save_timm

    def model(self, folder):
        from edgesmith_stages.export_coreml import ExportCoreML

        source = self.save(folder / "model")
        return run_stage(ExportCoreML, folder / "out", {"model": source}, {"precision": "fp32"}).outputs["model"]


@elsewhere
def test_without_core_ml_it_is_refused_before_the_run_with_the_way_to_a_mac():
    with pytest.raises(UserError) as caught:
        make_target(CoreMLUnits, {}).check()
    assert "Core ML runs on macOS only" in caught.value.message
    assert "target: {name: pool, pool: NAME, target: coreml}" in str(caught.value.hint)


def test_the_compute_units_are_part_of_what_it_is():
    told = [make_target(CoreMLUnits, {"compute_units": units}).identity() for units in RUNTIMES]
    assert [one["compute_units"] for one in told] == ["all", "cpu-only", "cpu-and-gpu", "cpu-and-ne"]
    assert all("processor" in one for one in told)


def test_other_formats_are_not_run():
    launch = Launch("coreml", "x:Y", sys.executable)
    with pytest.raises(RuntimeUnavailable, match="runs Core ML models only, not onnx"):
        make_target(CoreMLUnits, {}).open(launch, OnnxModel("nowhere"), 1)


@pytest.mark.slow
def test_each_choice_is_one_of_coremltools_own():
    import coremltools

    assert {coremltools.ComputeUnit[runtime.units].name for runtime in RUNTIMES.values()} == {
        unit.name for unit in coremltools.ComputeUnit
    }
