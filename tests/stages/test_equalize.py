"""The equalize stage: the same function with ranges that 8 bits hold better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgesmith import InputContract, StageFailed, TorchModel, UserError
from edgesmith.testing import Outcome, StageContract, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.equalization.relu6 import open_clamps
from edgesmith_stages.equalize import Equalize
from edgesmith_stages.models.recipe import Recipe, build, create, logits, save
from edgesmith_stages.models.steps import Factory

SMOOTHED = {"data": "digits", "calibration": 4}

Save = Callable[[Path], TorchModel]


def network() -> Any:
    """A convolution with uneven channels, a ReLU6, a depthwise one, and a norm before a linear layer."""
    import torch
    from torch import nn

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.act = nn.Conv2d(3, 8, 3, 2), nn.ReLU6()
            self.second, self.third = nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 1)
            self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 10)
            self.first.weight.data *= (10 ** torch.linspace(-1, 1, 8)).reshape(-1, 1, 1, 1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            x = self.third(torch.relu(self.second(self.act(self.first(image)))))
            return self.head(self.norm(x.mean((2, 3))))

    return Small()


@pytest.fixture(scope="module")
def save_small(digit_pixels: Any) -> Save:
    """Write the network with seeded weights."""

    def write(folder: Path) -> TorchModel:
        import torch

        folder.mkdir(parents=True)
        recipe = Recipe(source=Factory(target=f"{__name__}:network"))
        torch.manual_seed(0)
        save(
            folder,
            create(recipe).eval(),
            recipe,
            InputContract(size=(8, 8), classes=tuple("0123456789")),
            digit_pixels(8),
        )
        return TorchModel(folder)

    return write


@pytest.fixture(scope="module")
def small(save_small: Save, tmp_path_factory: pytest.TempPathFactory) -> TorchModel:
    return save_small(tmp_path_factory.mktemp("small") / "model")


class TestEqualizeContract(StageContract):
    stage = Equalize
    bad_params = [{"alpha": 2}]

    @pytest.fixture(autouse=True)
    def _maker(self, save_small: Save) -> None:
        self.save = save_small

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        return {"model": self.save(folder / "model")}


@pytest.fixture(scope="module")
def opened(small: TorchModel, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Everything switched on."""
    params = {"relu6": "relu", **SMOOTHED}
    return run_stage(Equalize, tmp_path_factory.mktemp("opened"), {"model": small}, params, datasets=[Digits])


def test_what_keeps_the_function_keeps_the_golden_logits(small: TorchModel, tmp_path: Path) -> None:
    made = run_stage(Equalize, tmp_path, {"model": small}, SMOOTHED, datasets=[Digits])
    equalized = made.outputs["model"]
    assert isinstance(equalized, TorchModel)
    assert (made.figures["pairs"], made.figures["equalized"], made.figures["smoothed"]) == (2, 1, 1)
    assert made.figures["rel_l2"] < 1e-6
    assert (equalized.golden()[1] == small.golden()[1]).all()
    assert made.figures["left"]["ReLU6 behind it (`relu6: keep`)"] == 1
    assert Recipe.read(equalized.path) == Recipe.read(small.path)


def test_relu6_becomes_relu_on_request_and_the_cost_is_told(opened: Outcome, small: TorchModel) -> None:
    figures = opened.figures
    assert (figures["opened"], figures["equalized"], figures["smoothed"]) == (1, 2, 1)
    assert figures["relu6_sqnr_db"] < 200
    assert figures["rel_l2"] < 1e-6, "against the network with ReLU"
    equalized = opened.outputs["model"]
    assert isinstance(equalized, TorchModel)
    pixels, expected = equalized.golden()
    assert abs(logits(build(equalized.path), equalized.contract, pixels) - expected).max() < 1e-6
    assert "edgesmith_stages.equalization.relu6:open_clamps" in Recipe.read(equalized.path).changes[-1].op


def test_ranges_come_closer_and_a_report_shows_them(opened: Outcome) -> None:
    figures = opened.figures
    assert figures["spread_after"] < figures["spread_before"] / 3
    assert figures["norm_spread_after"] < figures["norm_spread_before"]
    (table,) = figures["sections"]
    assert [row[0] for row in table["rows"]] == ["first", "second", "norm", "third", "head"]


def test_a_change_of_the_function_is_an_error(small: TorchModel, tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="tolerance=1e-12"):
        run_stage(Equalize, tmp_path, {"model": small}, {"tolerance": 1e-12})


def test_a_recipe_that_names_another_part_is_refused() -> None:
    from torch import nn

    with pytest.raises(UserError, match="which the model doesn't have"):
        open_clamps(nn.Sequential(nn.ReLU6()), ["1"])
    with pytest.raises(UserError, match="it is a ReLU"):
        open_clamps(nn.Sequential(nn.ReLU()), ["0"])
