"""The prune stage: fewer channels, fine-tuned, replayable, resumable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from edgesmith import Cancelled, Report, TorchModel, UserError
from edgesmith.testing import LocalContext, StageContract, folder_digest, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.datasets.random_images import RandomImages
from edgesmith_stages.models.recipe import Recipe, build, logits
from edgesmith_stages.prune import Prune
from edgesmith_stages.pruning.channels import Plan
from edgesmith_stages.pruning.choice import write_widths
from edgesmith_stages.pruning.widths import Rule

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


def test_a_target_is_used_up_and_not_exceeded(model: TorchModel, tmp_path: Path) -> None:
    made = prune(tmp_path, model, target={"macs": 0.6}, finetune_epochs=0, data="random")
    share = made.figures["macs_after"] / made.figures["macs_before"]
    assert 0.57 <= share <= 0.6
    assert any(row["macs"] == round(share, 4) for row in made.figures["searched"])
    assert made.figures["untouched"] == {"it gives the classes": ["classifier"]}


def test_a_target_out_of_reach_tells_the_least(model: TorchModel, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"`target: \{macs: 0.01\}` can't be .* round_to=16, keep=\['conv_stem'\].* 0\.\d+"
    ):
        prune(tmp_path, model, target={"macs": 0.01}, round_to=16, keep=["conv_stem"], finetune_epochs=0, data="random")


def test_steps_end_at_the_same_widths_and_replay_one_by_one(model: TorchModel, tmp_path: Path) -> None:
    options = {"finetune_epochs": 0, "step_epochs": 0, "data": "random", "ratio": 0.4, "round_to": 4}
    once = prune(tmp_path / "once", model, **{**options, "step_epochs": 1})
    thrice = prune(tmp_path / "thrice", model, **options, steps=3)
    assert thrice.figures["macs_after"] == once.figures["macs_after"]
    first, second = thrice.figures["steps"]
    assert thrice.figures["macs_before"] > first["macs"] > second["macs"] > thrice.figures["macs_after"]
    pruned = thrice.outputs["model"]
    assert [change.op for change in Recipe.read(pruned.path).changes] == ["prune"] * 3
    pixels, expected = pruned.golden()
    assert (logits(build(pruned.path), pruned.contract, pixels) == expected).all()


@pytest.mark.slow
def test_steps_go_on_after_an_interruption(model: TorchModel, tmp_path: Path) -> None:
    """Interrupted in the last fine-tuning: the first step is not trained again, and the bytes are the same."""
    params = {**QUICK, "ratio": 0.5, "steps": 2}

    class Interrupted(LocalContext):
        def progress(self, done: float, total: float, **figures: float | str) -> None:
            super().progress(done, total, **figures)
            self.cancelled = len(self.progressed) > total + 2

    with pytest.raises(Cancelled):
        run_stage(Prune, tmp_path, {"model": model}, params, context=Interrupted(tmp_path / "cut", datasets=DATASETS))
    again = LocalContext(tmp_path / "cut", datasets=DATASETS)
    resumed = run_stage(Prune, tmp_path, {"model": model}, params, context=again)
    whole = LocalContext(tmp_path / "whole", datasets=DATASETS)
    made = run_stage(Prune, tmp_path, {"model": model}, params, context=whole)
    assert len(again.progressed) < len(whole.progressed)
    assert folder_digest(resumed.outputs["model"].path) == folder_digest(made.outputs["model"].path)


def test_widths_from_elsewhere_decide_alone(model: TorchModel, tmp_path: Path) -> None:
    plain = prune(tmp_path / "plain", model, ratio=0.4, finetune_epochs=0, data="random")
    example = torch.zeros(1, 3, 32, 32)
    groups = Plan().scored(Plan().trace(build(model.path), example))
    (tmp_path / "widths").mkdir()
    write_widths(tmp_path / "widths", Rule().widths(groups, 0.4))
    inputs = {"model": model, "widths": Report(tmp_path / "widths")}
    given = {"finetune_epochs": 0, "data": "random", "threads": 1}
    made = run_stage(Prune, tmp_path / "given", inputs, given, datasets=DATASETS)
    assert folder_digest(made.outputs["model"].path) == folder_digest(plain.outputs["model"].path)
    with pytest.raises(UserError, match="so do: target, round_to"):
        run_stage(Prune, tmp_path / "both", inputs, {"target": {"macs": 0.5}, "round_to": 8}, datasets=DATASETS)


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


@pytest.mark.parametrize(
    "params",
    [
        {"finetune_epochs": 1},
        {"finetune_epochs": 0, "importance": "taylor"},
        {"finetune_epochs": 0, "importance": "hessian"},
        {"finetune_epochs": 0, "steps": 2},
    ],
)
def test_labels_are_asked_for_where_they_are_needed(model: TorchModel, tmp_path: Path, params: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="'random' has no labels"):
        prune(tmp_path, model, data="random", **params)


def test_another_datasets_classes_are_refused(tmp_path: Path, make_torch_model: Any) -> None:
    source = make_torch_model(tmp_path / "model")
    source.contract.model_copy(update={"classes": ("cat", "dog")}).write(source.path / "contract.json")
    with pytest.raises(UserError, match="2 classes that are not the 10 of the dataset 'digits'"):
        prune(tmp_path, TorchModel(source.path), finetune_epochs=0)


@pytest.mark.parametrize(
    "params",
    [
        {"ratio": 0},
        {"ratio": 1},
        {"importance": "luck"},
        {"scope": "block"},
        {"round_to": 0},
        {"epochs": 3},
        {"target": {"macs": 0.5}, "ratio": 0.3},
        {"target": {"latency": 0.5}},
        {"attention": "half"},
        {"steps": 0},
        {"step_epochs": 2},
    ],
)
def test_params_out_of_range_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(params))):
        Prune.Params(**params)
