"""The prune stage: fewer channels, fine-tuned, replayable, resumable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgesmith import Cancelled, TorchModel, UserError
from edgesmith.testing import LocalContext, StageContract, folder_digest, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.datasets.random_images import RandomImages
from edgesmith_stages.models.recipe import Recipe, build, logits
from edgesmith_stages.prune import Prune

DATASETS = [Digits, RandomImages]
QUICK = {"finetune_epochs": 1, "batch_size": 128, "threads": 1}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, make_torch_model: Any) -> TorchModel:
    made: TorchModel = make_torch_model(tmp_path_factory.mktemp("model"))
    return made


@pytest.mark.slow
class TestPruneContract(StageContract):
    stage = Prune
    params = {**QUICK, "importance": "taylor", "scope": "global"}

    @pytest.fixture(autouse=True)
    def _maker(self, make_torch_model: Any) -> None:
        self.make = make_torch_model

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        return {"model": self.make(folder / "model")}

    def context(self, folder: Path) -> LocalContext:
        return LocalContext(folder, datasets=DATASETS)


def prune(folder: Path, model: TorchModel, **params: Any) -> Any:
    return run_stage(Prune, folder, {"model": model}, {"threads": 1, **params}, datasets=DATASETS)


def test_figures_tell_before_and_after(model: TorchModel, tmp_path: Path) -> None:
    made = prune(tmp_path, model, ratio=0.4, round_to=8, finetune_epochs=0)
    figures = made.figures
    assert figures["params_after"] < 0.75 * figures["params_before"]
    assert figures["macs_after"] < 0.75 * figures["macs_before"]
    assert 0 <= figures["top1_pruned"] == figures["top1"] <= 1
    pruned = made.outputs["model"]
    pixels, expected = pruned.golden()
    assert (logits(build(pruned.path), pruned.contract, pixels) == expected).all()
    assert [change.op for change in Recipe.read(pruned.path).changes] == ["prune"]


def test_a_pruned_model_can_be_pruned_again(model: TorchModel, tmp_path: Path) -> None:
    options = {"finetune_epochs": 0, "data": "random"}
    once = prune(tmp_path / "once", model, **options)
    twice = prune(tmp_path / "twice", once.outputs["model"], **options)
    assert twice.figures["params_before"] == once.figures["params_after"] > twice.figures["params_after"]
    assert "top1" not in twice.figures
    build(twice.outputs["model"].path)


@pytest.mark.slow
def test_fine_tuning_recovers_and_goes_on_after_an_interruption(
    model: TorchModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {**QUICK, "finetune_epochs": 2, "lr": 3e-3}
    whole = run_stage(Prune, tmp_path / "whole", {"model": model}, params, datasets=DATASETS)
    assert whole.figures["top1"] > whole.figures["top1_pruned"] + 0.1

    class Interrupted(LocalContext):
        def progress(self, done: float, total: float, **figures: float | str) -> None:
            self.cancelled = done > total / 2

    with pytest.raises(Cancelled):
        run_stage(Prune, tmp_path, {"model": model}, params, context=Interrupted(tmp_path / "cut", datasets=DATASETS))
    assert list((tmp_path / "cut" / "scratch").iterdir())
    again = LocalContext(tmp_path / "cut", datasets=DATASETS)
    resumed = run_stage(Prune, tmp_path, {"model": model}, params, context=again)
    assert again.progressed[0][0] > again.progressed[0][1] / 2
    assert folder_digest(resumed.outputs["model"].path) == folder_digest(whole.outputs["model"].path)


@pytest.mark.parametrize("params", [{"finetune_epochs": 1}, {"finetune_epochs": 0, "importance": "taylor"}])
def test_labels_are_asked_for_where_they_are_needed(model: TorchModel, tmp_path: Path, params: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="'random' has no labels"):
        prune(tmp_path, model, data="random", **params)


def test_another_datasets_classes_are_refused(tmp_path: Path, make_torch_model: Any) -> None:
    source = make_torch_model(tmp_path / "model")
    source.contract.model_copy(update={"classes": ("cat", "dog")}).write(source.path / "contract.json")
    with pytest.raises(UserError, match="2 classes that are not the 10 of the dataset 'digits'"):
        prune(tmp_path, TorchModel(source.path), finetune_epochs=0)


@pytest.mark.parametrize(
    "params", [{"ratio": 0}, {"ratio": 1}, {"importance": "luck"}, {"scope": "block"}, {"round_to": 0}, {"epochs": 3}]
)
def test_params_out_of_range_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(params))):
        Prune.Params(**params)
