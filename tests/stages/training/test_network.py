"""Which network, and its input contract."""

import pytest
from pydantic import ValidationError

from edgesmith import UserError
from edgesmith_stages.training import network
from edgesmith_stages.training.network import (
    InputOptions,
    check_model,
    contract_of,
    departures,
    recipe_of,
    size_of,
    timm_config,
)


def test_an_unknown_model_gets_the_nearest_name():
    with pytest.raises(UserError, match="did you mean 'mobilevit_xs'"):
        check_model("mobilevit_xss", {})
    with pytest.raises(UserError, match="unknown model source 'acne'; did you mean 'acme'"):
        check_model("acne/small", {"acme": "acme_models:make"})
    check_model("acme/small", {"acme": "acme_models:make"})
    check_model("mobilenetv2_100.ra_in1k", {})
    with pytest.raises(UserError, match="no weights 'ra_in1' of 'mobilenetv2_100'; did you mean 'ra_in1k'"):
        check_model("mobilenetv2_100.ra_in1", {})
    with pytest.raises(UserError, match="no weights '' of 'darknet17'"):
        check_model("darknet17.", {})


@pytest.mark.parametrize("wrong", [{"image_size": 0}, {"image_size": [32, -1]}, {"std": [0, 0.1, 0.1]}])
def test_refuses_what_no_image_can_have(wrong):
    with pytest.raises(ValidationError):
        InputOptions(model="test_vit", **wrong)


def test_a_margin_around_images_is_left_out():
    """These weights were published with a `crop_pct` of 1.15."""
    contract = contract_of(InputOptions(model="volo_d4_448"), ("a", "b"), (448, 448), trained=True)
    assert contract.crop_fraction == 1.0


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("convnext_base.fb_in22k_ft_in1k_384", "whole images, squashed to the input's shape (`crop_mode: squash`)"),
        ("deepseek_vit_412m.deepseek_v4_flash_vision_exp", "whole images, with borders"),
        ("volo_d4_448", "a margin around the image (`crop_pct: 1.15`)"),
    ],
)
def test_published_weights_that_expect_other_images_are_told(model, expected):
    (told,) = departures(InputOptions(model=model))
    assert told.startswith(f"the published weights of {model} expect {expected}")


def test_published_weights_that_expect_a_centre_crop_are_used_without_a_word():
    assert departures(InputOptions(model="mobilenetv2_100")) == []
    assert departures(InputOptions(model="volo_d4_448", crop_fraction=0.9)) == []
    assert departures(InputOptions(model="acme/small")) == []


def test_scratch_keeps_the_whole_image_and_trained_weights_their_crop():
    options = InputOptions(model="mobilevit_xxs")
    scratch = contract_of(options, ("a", "b"), (64, 64), trained=False)
    trained = contract_of(options, ("a", "b"), (64, 64), trained=True)
    assert (scratch.crop_fraction, trained.crop_fraction) == (1.0, 0.9)
    assert scratch.mean == (0.0, 0.0, 0.0)
    assert scratch.classes == ("a", "b")
    chosen = InputOptions(model="mobilevit_xxs", mean=(0.5, 0.5, 0.5), std=(0.1, 0.1, 0.1), resample="nearest")
    own = contract_of(chosen, (), (64, 48), trained=True)
    assert (own.size, own.mean, own.std, own.resample) == ((64, 48), (0.5,) * 3, (0.1,) * 3, "nearest")


def test_sizes():
    config = timm_config("mobilevit_xxs")
    assert size_of(None, config) == (256, 256)
    assert size_of(64, config) == (64, 64)
    assert size_of((32, 64), config) == (32, 64)
    assert size_of(None, timm_config("acme/small")) == (224, 224)


def test_a_network_that_must_know_its_input_size_is_told():
    vit = recipe_of(InputOptions(model="test_vit"), 5, (64, 64), {})
    assert vit.source.args == {"num_classes": 5, "img_size": [64, 64]}
    assert recipe_of(InputOptions(model="test_efficientnet"), 5, (64, 64), {}).source.args == {"num_classes": 5}
    assert vit.source.make().patch_embed.img_size == (64, 64)


def test_a_plugins_model_is_made_by_its_function():
    recipe = recipe_of(
        InputOptions(model="acme/small", model_args={"width": 3}), 5, (32, 32), {"acme": "acme_models:make"}
    )
    assert recipe.source.target == "acme_models:make"
    assert recipe.source.args == {"model": "small", "num_classes": 5, "width": 3}


def test_model_args_may_not_take_ours():
    with pytest.raises(UserError, match="num_classes"):
        recipe_of(InputOptions(model="test_vit", model_args={"num_classes": 3}), 5, (64, 64), {})


def test_heads_are_known_by_name():
    import timm

    assert network.head_names(timm.create_model("test_efficientnet")) == ("classifier",)
    assert network.head_names(timm.create_model("test_vit")) == ("head",)
