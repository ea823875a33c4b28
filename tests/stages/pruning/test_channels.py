"""A pruned model is the dense one with channels masked out: exactly that function, and replayable."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from edgesmith import UserError
from edgesmith_stages.models.recipe import Recipe, build, create, write_model
from edgesmith_stages.models.steps import Prune, Reparameterize, Timm
from edgesmith_stages.pruning.channels import Plan, prune_channels
from edgesmith_stages.pruning.history import replay
from edgesmith_stages.pruning.importance import LEARNED, accumulate_gradients
from edgesmith_stages.pruning.widths import Rule

SLOW = [
    "mobilevit_xxs",
    "mobilevitv2_050",
    "mobileone_s0",
    "mobilenetv2_100",
    "mobilenetv4_conv_small",
    "efficientnet_lite0",
    "repvgg_a0",
    "fastvit_t8",
    "repvit_m0_9",
    "edgenext_xx_small",
]
FAMILIES = ["test_efficientnet", "test_resnet", "test_vit", *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW)]
IMAGES = torch.rand(2, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def recipe_of(name: str) -> Recipe:
    args: dict[str, Any] = {"num_classes": 10}
    if "vit" in name and name.startswith("test"):
        args["img_size"] = 64
    return Recipe(source=Timm(name=name, args=args))


def dense(name: str) -> nn.Module:
    torch.manual_seed(0)
    return create(recipe_of(name)).eval().double()


@pytest.mark.parametrize("name", FAMILIES)
def test_pruning_masks_channels_and_is_rebuilt_from_disk(name: str, tmp_path: Path) -> None:
    whole = dense(name)
    pruned = copy.deepcopy(without_mixing_norms(whole))
    step = prune_channels(pruned, IMAGES[:1], 0.3)
    with torch.no_grad():
        logits = pruned(IMAGES)
        torch.testing.assert_close(masked(whole, pruned, step)(IMAGES), logits, rtol=1e-9, atol=1e-12)
    check_disk(name, tmp_path)


def check_disk(name: str, folder: Path) -> None:
    """Prune the real model, write it, rebuild it: equal logits to the bit; merge its branches: nearly equal."""
    module = dense(name).float()
    images = IMAGES.float()
    step = prune_channels(module, images[:1], 0.3, Plan(rule=Rule("global", 8)))
    write_model(folder, module, recipe_of(name).then(step))
    with torch.no_grad():
        expected = module(images)
        rebuilt = build(folder)
        assert torch.equal(rebuilt(images), expected)
        # Blocks with branches size their merged convolution by numbers of their own.
        merged = Reparameterize().apply(rebuilt)(images)
        assert (merged - expected).norm() <= 1e-5 * expected.norm()


def without_mixing_norms(module: nn.Module) -> nn.Module:
    """Take out norms over channels, whose statistics see that channels are gone, and attention's own scale."""
    for name, part in list(module.named_modules()):
        if isinstance(part, nn.LayerNorm | nn.GroupNorm):
            module.set_submodule(name, nn.Identity())
        if hasattr(part, "fused_attn"):
            part.fused_attn = False
    return module


def masked(whole: nn.Module, pruned: nn.Module, step: Prune) -> nn.Module:
    """Return the dense module with zeros where `pruned` has nothing left, found by replaying on element numbers."""
    numbers = copy.deepcopy(whole)
    for parameter in numbers.parameters():
        parameter.data = torch.arange(parameter.numel(), dtype=torch.float64).view(parameter.shape)
    replay(numbers, step, IMAGES[:1])
    survivors = dict(numbers.named_parameters())
    result = copy.deepcopy(whole)
    for name, parameter in result.named_parameters():
        mask = torch.zeros(parameter.numel(), dtype=torch.float64)
        mask[survivors[name].detach().round().long().flatten()] = 1
        parameter.data *= mask.view(parameter.shape)
    for name, part in result.named_modules():
        if isinstance(getattr(part, "scale", None), float):
            part.scale = pruned.get_submodule(name).scale
    return result


@pytest.mark.parametrize("importance", ["magnitude", "lamp", "taylor", "hessian", "random"])
def test_every_importance_repeats_itself(importance: Any) -> None:
    steps = []
    for _ in range(2):
        module = dense("test_efficientnet").float()
        if importance in LEARNED:
            batch = (IMAGES.float(), torch.eye(10)[:2])
            accumulate_gradients(module, [batch], squared=importance == "hessian")
        steps.append(prune_channels(module, IMAGES[:1].float(), 0.3, Plan(importance, Rule("global"), seed=5)))
    assert steps[0] == steps[1]


def test_random_follows_the_seed() -> None:
    plans = [Plan("random", seed=seed) for seed in (1, 2)]
    assert len({prune_channels(dense("test_efficientnet"), IMAGES[:1], 0.3, plan).history for plan in plans}) == 2


def test_a_pruner_leaves_nothing_behind_for_the_next() -> None:
    first = prune_channels(dense("test_efficientnet"), IMAGES[:1], 0.3)
    prune_channels(dense("test_vit"), IMAGES[:1], 0.5)
    assert prune_channels(dense("test_efficientnet"), IMAGES[:1], 0.3) == first


@pytest.mark.parametrize("ratio", [0.01, 0.99])
def test_extreme_ratios_leave_a_model_that_runs(ratio: float) -> None:
    module = dense("test_resnet")
    prune_channels(module, IMAGES[:1], ratio, Plan(rule=Rule("global")))
    with torch.no_grad():
        assert module(IMAGES).shape == (2, 10)


def test_nothing_left_to_prune_is_said() -> None:
    with pytest.raises(UserError, match=r"no channel .* round_to=4096"):
        prune_channels(dense("test_efficientnet"), IMAGES[:1], 0.3, Plan(rule=Rule(round_to=4096)))


def test_a_model_that_can_not_be_pruned_is_refused_by_the_layer_at_fault() -> None:
    module = timm.create_model("test_nfnet").eval()
    with pytest.raises(UserError, match=r"NormFreeNet can't be pruned: stem.conv1: (.|\n)*keep: \['stem.conv1'\]"):
        prune_channels(module, IMAGES[:1].float(), 0.3)


def test_a_model_that_can_not_be_traced_is_refused() -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no way through")

    with pytest.raises(UserError, match=r"Fails can't be pruned: .*no way through"):
        prune_channels(Fails(), IMAGES[:1], 0.3)
