"""What can't be pruned has a name and a reason; whole heads leave attention that is one."""

from __future__ import annotations

import pytest
import timm
import torch

from edgesmith_stages.models.resize import structure
from edgesmith_stages.pruning.channels import Plan, prune_channels
from edgesmith_stages.pruning.history import replay
from edgesmith_stages.pruning.widths import Attention, Rule

IMAGE = torch.rand(1, 3, 32, 32)


def test_layers_that_keep_their_outputs_are_named_with_the_reason() -> None:
    module = timm.create_model("test_efficientnet", num_classes=10)
    untouched = Plan(keep=["blocks.1.0.conv_pwl"]).trace(module, IMAGE).untouched
    assert untouched == {
        "classifier": "it gives the classes",
        "blocks.1.0.conv_pwl": "kept by `keep`",
        "blocks.1.0.conv_exp": "it is added to, or grouped with, a layer that stays whole",
    }


@pytest.mark.slow
def test_attention_that_can_not_be_pruned_and_what_it_binds_say_so() -> None:
    mobilevit = Plan().trace(timm.create_model("mobilevitv2_050"), IMAGE).untouched
    assert "fixed widths" in mobilevit["stages.2.1.transformer.0.attn.qkv_proj"]
    edgenext = Plan().trace(timm.create_model("edgenext_xx_small"), IMAGE).untouched
    assert edgenext["stages.3.blocks.1.xca.qkv"] == "CrossCovarianceAttn takes its widths from its input"
    assert edgenext["stages.3.downsample.1"] == "it is added to, or grouped with, a layer that stays whole"


@pytest.mark.parametrize(("attention", "heads", "dim"), [("dims", 2, 16), ("heads", 1, 32), ("both", 1, 22)])
def test_heads_go_whole_where_asked(attention: Attention, heads: int, dim: int) -> None:
    """The pruned network runs, and its history replays to the same sizes."""
    torch.manual_seed(0)
    module = timm.create_model("test_vit", img_size=32, num_classes=10).eval()
    assert (module.blocks[0].attn.num_heads, module.blocks[0].attn.head_dim) == (2, 32)
    step = prune_channels(module, IMAGE, 0.5, Plan(rule=Rule(attention=attention)))
    attn = module.blocks[0].attn
    assert (attn.num_heads, attn.head_dim, attn.attn_dim) == (heads, dim, heads * dim)
    assert attn.qkv.out_features == 3 * heads * dim
    assert attn.scale == dim**-0.5
    again = replay(timm.create_model("test_vit", img_size=32, num_classes=10), step, IMAGE)
    assert structure(again) == structure(module)
