"""The torch runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgesmith import TorchModel
from edgesmith.testing import RuntimeContract
from edgesmith_stages.runtimes.torch_runtime import TorchRuntime


@pytest.mark.slow
class TestTorchRuntime(RuntimeContract):
    runtime = TorchRuntime
    tolerance = 1e-5

    @pytest.fixture(autouse=True)
    def _maker(self, make_torch_model: Any) -> None:
        self.make = make_torch_model

    def model(self, folder: Path) -> TorchModel:
        made: TorchModel = self.make(folder / "model")
        return made


def test_threads_are_pinned(tmp_path: Path, make_torch_model: Any) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        TorchRuntime().load(make_torch_model(tmp_path / "model"), threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
