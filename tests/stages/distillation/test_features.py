"""Layers by name, and what they give as maps."""

import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.distillation.features import by_stride, check_layers, maps, watching, widths


@pytest.fixture(scope="module")
def timm_model():
    import timm

    return timm.create_model("test_efficientnet", num_classes=4)


def test_timms_stages_are_found_by_their_stride(timm_model):
    assert by_stride(timm_model) == {2: "blocks.0", 4: "blocks.1", 8: "blocks.2", 16: "blocks.3", 32: "blocks.4"}
    assert by_stride(torch.nn.Linear(1, 1)) == {}


def test_of_several_layers_of_one_stride_the_last_counts():
    import timm

    assert by_stride(timm.create_model("test_vit")) == {16: "blocks.5"}


def test_an_unknown_layer_gets_the_nearest_name_and_the_stages(timm_model):
    check_layers(timm_model, ["blocks.2", "conv_head"], "student")
    with pytest.raises(UserError) as refused:
        check_layers(timm_model, ["block.2"], "student")
    assert "the student has no layer 'block.2'; did you mean 'blocks.2'?" in str(refused.value)
    assert "blocks.0, blocks.1, blocks.2" in str(refused.value)


def test_widths_are_found_by_running_and_leave_no_trace(timm_model):
    before = {name: value.clone() for name, value in timm_model.state_dict().items()}
    assert widths(timm_model.train(), ["blocks.1", "blocks.4"], 3, (32, 32)) == [24, 64]
    assert all(torch.equal(before[name], value) for name, value in timm_model.state_dict().items())
    assert not any(module._forward_hooks for module in timm_model.modules())


def given(value, **facts):
    network = torch.nn.Sequential(torch.nn.Identity())
    for name, fact in facts.items():
        setattr(network, name, fact)
    with watching(network, ["0"]) as seen:
        network(value)
    (one,) = maps(network, ["0"], seen, 2)
    return one


def test_vectors_tokens_and_nhwc_become_maps():
    assert given(torch.zeros(2, 5)).shape == (2, 5, 1, 1)
    assert given(torch.zeros(2, 5, 3, 4)).shape == (2, 5, 3, 4)
    assert given(torch.zeros(2, 3, 4, 5), output_fmt="NHWC").shape == (2, 5, 3, 4)
    tokens = torch.arange(2 * 10 * 5).reshape(2, 10, 5)
    square = given(tokens, num_prefix_tokens=1)
    assert square.shape == (2, 5, 3, 3)
    assert torch.equal(square[1, :, 2, 1], tokens[1, 1 + 2 * 3 + 1])


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (torch.zeros(2, 7, 5), "[2, 7, 5]"),
        (torch.zeros(8, 4, 5), "[8, 4, 5]"),
        (torch.zeros(2), "[2]"),
        (torch.tensor(0.0), "[]"),
        ((torch.zeros(1),), "tuple"),
    ],
)
def test_what_is_no_map_of_the_images_is_refused_by_the_layers_name(value, what):
    """MobileViT's attention, for one, gives patches where others give images."""
    with pytest.raises(UserError) as refused:
        given(value)
    assert f"the layer '0' gives {what} for 2 images" in str(refused.value)


def test_a_layer_that_does_not_run_is_refused():
    with pytest.raises(UserError, match="the layer 'spare' doesn't run"):
        maps(torch.nn.Identity(), ["spare"], {}, 2)
