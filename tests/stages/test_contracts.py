"""Every built-in plugin passes the contract that third parties' plugins pass: most do so beside their own tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgesmith import TorchModel
from edgesmith.loading import object_name
from edgesmith.testing import DatasetContract, StageContract, TargetContract
from edgesmith_flows.registry import load_registry
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.datasets.random_images import RandomImages
from edgesmith_stages.export_tflite import ExportTflite
from edgesmith_stages.runtimes.torch_runtime import TorchRuntime
from edgesmith_stages.targets.host import Host

TESTS = Path(__file__).parent


def built_in(table):
    """Classes that the built-in plugin brings."""
    registry = load_registry()
    found = getattr(registry, table)
    return [cls for name, cls in found.items() if registry.origins.get((table, name), "").startswith("edgesmith ")]


@pytest.mark.parametrize("table", ["stages", "runtimes", "targets", "datasets"])
def test_every_built_in_has_its_contract_tested(table):
    what = table.rstrip("s")
    tested = set(re.findall(rf"^    {what} = (\w+)$", "\n".join(f.read_text() for f in TESTS.rglob("*.py")), re.M))
    assert {cls.__name__ for cls in built_in(table)} <= tested


@pytest.mark.slow
class TestHost(TargetContract):
    target = Host
    runtime = TorchRuntime

    @pytest.fixture(autouse=True)
    def _given(self, save_timm):
        self.save = save_timm

    def model(self, folder):
        return self.save(folder / "model")


@pytest.mark.slow
class TestDigits(DatasetContract):
    dataset = Digits


@pytest.mark.slow
class TestRandomImages(DatasetContract):
    dataset = RandomImages
    params = {"images": 3, "size": 8}


@pytest.mark.slow
class TestFolder(DatasetContract):
    dataset = Folder

    @pytest.fixture(autouse=True)
    def _given(self, photos):
        self.params = {"path": str(photos)}


@pytest.mark.slow
class TestExportTflite(StageContract):
    """Its runs are in test_export_tflite.py, in the environment that it asks for."""

    stage = ExportTflite
    bad_params = [{"layout": "NCWH"}]
    test_writes_only_its_outputs_and_repeats_itself = None

    def _kinds(self, folder):
        return {"model": [object_name(TorchModel)]}
