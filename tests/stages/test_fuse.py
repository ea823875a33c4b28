"""The fuse stage: the same function with fewer layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgesmith import StageFailed, TorchModel
from edgesmith.testing import StageContract, run_stage
from edgesmith_stages.fuse import Fuse
from edgesmith_stages.models.recipe import Recipe, build, logits

FAMILIES = ["repvgg_a0", "mobilevit_xxs", "mobilenetv2_100", "mobileone_s0", "fastvit_t8", "repvit_m0_9"]
BRANCHED = {"mobileone_s0", "repvgg_a0", "fastvit_t8", "repvit_m0_9"}


class TestFuseContract(StageContract):
    stage = Fuse

    @pytest.fixture(autouse=True)
    def _maker(self, make_torch_model: Any) -> None:
        self.make = make_torch_model

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        return {"model": self.make(folder / "model")}


@pytest.mark.parametrize(
    "name", ["test_efficientnet", "test_vit", *(pytest.param(n, marks=pytest.mark.slow) for n in FAMILIES)]
)
def test_a_fused_model_is_rebuilt_and_computes_the_same(name: str, tmp_path: Path, make_torch_model: Any) -> None:
    import torch

    args = {"img_size": 64} if name == "test_vit" else {}
    source = make_torch_model(tmp_path / "source", name, 64, **args)
    made = run_stage(Fuse, tmp_path, {"model": source})
    fused = TorchModel(made.outputs["model"].path)
    assert made.figures["rel_l2"] < 1e-5
    assert made.figures["params_after"] <= made.figures["params_before"]
    module = build(fused.path)
    pixels, expected = fused.golden()
    assert (expected == source.golden()[1]).all()
    assert abs(logits(module, fused.contract, pixels) - expected).max() <= 1e-4 * abs(expected).max()
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in module.modules())
    assert ("reparameterize" in made.figures["changes"]) == (name in BRANCHED)


def test_what_is_switched_off_is_not_done(tmp_path: Path, make_torch_model: Any) -> None:
    source = make_torch_model(tmp_path / "source")
    made = run_stage(Fuse, tmp_path, {"model": source}, {"reparameterize": False, "fold_batchnorm": False})
    assert made.figures["sqnr_db"] == 200
    assert Recipe.read(made.outputs["model"].path) == Recipe.read(source.path)


def test_fusing_twice_is_fusing_once(tmp_path: Path, make_torch_model: Any) -> None:
    source = make_torch_model(tmp_path / "source")
    once = run_stage(Fuse, tmp_path / "once", {"model": source}).outputs["model"]
    twice = run_stage(Fuse, tmp_path / "twice", {"model": once}).outputs["model"]
    assert Recipe.read(twice.path) == Recipe.read(once.path)
    assert (twice.path / "weights.safetensors").read_bytes() == (once.path / "weights.safetensors").read_bytes()


def test_too_large_a_difference_is_an_error(tmp_path: Path, make_torch_model: Any) -> None:
    source = make_torch_model(tmp_path / "source")
    with pytest.raises(StageFailed, match="tolerance=1e-12"):
        run_stage(Fuse, tmp_path, {"model": source}, {"tolerance": 1e-12})
