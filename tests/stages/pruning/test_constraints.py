"""What must stay is found in real models."""

from __future__ import annotations

import pytest
import timm
import torch

from edgesmith import UserError
from edgesmith_stages.models.resize import structure
from edgesmith_stages.pruning.channels import Plan, prune_channels
from edgesmith_stages.pruning.constraints import constraints, mend


def test_the_classifier_keeps_its_outputs() -> None:
    module = timm.create_model("test_efficientnet")
    assert set(constraints(module, ()).outputs) == {module.classifier}


@pytest.mark.slow
def test_only_what_gives_logits_is_kept_of_a_classifier_with_norms() -> None:
    module = timm.create_model("repvit_m0_9", num_classes=10)
    assert set(constraints(module, ()).outputs) == {module.head.head.l, module.head.head_dist.l}
    assert set(Plan().trace(module.eval(), torch.zeros(1, 3, 64, 64)).untouched) == {"head.head.l", "head.head_dist.l"}


def test_a_plain_network_keeps_its_last_linear_layer() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 4), torch.nn.ReLU())
    assert set(constraints(module, ()).outputs) == {module[1]}


def test_heads_of_regular_attention_are_found() -> None:
    module = timm.create_model("test_vit", img_size=32)
    assert constraints(module, ()).heads == {block.attn.qkv: block.attn.num_heads for block in module.blocks}


@pytest.mark.parametrize(
    ("name", "part"),
    [("edgenext_xx_small", "stages.3.blocks.1.xca.qkv"), ("fastvit_sa12", "stages.3.blocks.0.token_mixer.qkv")],
)
def test_attention_that_takes_its_width_from_its_input_stays_whole(name: str, part: str) -> None:
    module = timm.create_model(name)
    assert module.get_submodule(part) in constraints(module, ()).whole


def test_parts_are_kept_by_name_and_wildcard() -> None:
    module = timm.create_model("test_efficientnet")
    kept = constraints(module, ["conv_stem", "blocks.1.*"]).whole
    assert module.conv_stem in kept
    assert module.blocks[1][0].conv_exp in kept
    assert module.blocks[0][0].conv not in kept


def test_a_pattern_that_fits_nothing_names_the_nearest_part() -> None:
    with pytest.raises(UserError, match="did you mean 'conv_stem'"):
        constraints(timm.create_model("test_efficientnet"), ["conv_stemm"])


def test_kept_parts_keep_inputs_and_outputs() -> None:
    module = timm.create_model("test_efficientnet", num_classes=10)
    before = module.blocks[1][0].conv_exp.weight.shape
    prune_channels(module, torch.zeros(1, 3, 32, 32), 0.3, Plan(keep=["blocks.1.0.conv_exp"]))
    assert module.blocks[1][0].conv_exp.weight.shape == before
    whole = timm.create_model("test_efficientnet", num_classes=10)
    assert module.blocks[2][0].conv_exp.out_channels < whole.blocks[2][0].conv_exp.out_channels


def test_mending_an_unpruned_model_changes_nothing() -> None:
    module = timm.create_model("test_vit", img_size=32)
    before = structure(module)
    mend(module, before, {})
    assert structure(module) == before
