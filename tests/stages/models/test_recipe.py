"""Torch artifacts are rebuilt from recipe and weights, to the bit, or refused with a reason."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from edgesmith import TorchModel, UserError
from edgesmith.testing import folder_digest
from edgesmith_stages.models.recipe import Recipe, build, create, logits, write_model
from edgesmith_stages.models.steps import Custom, Factory, Timm


@pytest.fixture
def model(tmp_path: Path, make_torch_model: Any) -> TorchModel:
    made: TorchModel = make_torch_model(tmp_path / "model")
    return made


def test_a_rebuilt_model_gives_the_golden_logits_to_the_bit(model: TorchModel) -> None:
    pixels, expected = model.golden()
    module = build(model.path)
    assert not module.training
    assert (logits(module, model.contract, pixels) == expected).all()


def test_equal_models_are_equal_bytes(model: TorchModel, tmp_path: Path, make_torch_model: Any) -> None:
    again = make_torch_model(tmp_path / "again")
    assert folder_digest(again.path) == folder_digest(model.path)


def test_building_leaves_the_global_generator_alone(model: TorchModel) -> None:
    import torch

    before = torch.get_rng_state()
    build(model.path)
    assert torch.equal(torch.get_rng_state(), before)


def test_creating_draws_weights_from_the_global_generator() -> None:
    import torch

    recipe = Recipe(source=Timm(name="test_efficientnet"))
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        weights.append(torch.cat([p.flatten() for p in create(recipe).parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_tied_weights_survive(tmp_path: Path) -> None:
    import torch

    recipe = Recipe(source=Factory(target="torch.nn:Linear", args={"in_features": 4, "out_features": 4}))
    module = create(recipe)
    module.register_parameter("twin", module.weight)
    write_model(tmp_path, module, recipe)
    from edgesmith_stages.models.recipe import read_weights

    weights = read_weights(tmp_path)
    assert torch.equal(weights["twin"], weights["weight"])


def test_an_unknown_timm_model_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'mobilevit_xxs'"):
        create(Recipe(source=Timm(name="mobilevit_xxss")))


def test_arguments_that_the_model_does_not_take_are_named() -> None:
    with pytest.raises(UserError, match=r"does not take .*wings=2"):
        create(Recipe(source=Timm(name="test_efficientnet", args={"wings": 2})))


def test_weights_of_another_model_are_refused_with_key_and_shapes(model: TorchModel) -> None:
    Recipe(source=Timm(name="test_efficientnet", args={"num_classes": 7})).write(model.path)
    with pytest.raises(UserError, match=r"classifier.weight: the model has \[7, \d+\], the weights \[10, \d+\]"):
        build(model.path)


def test_missing_and_surplus_weights_are_named(model: TorchModel) -> None:
    Recipe(source=Timm(name="test_resnet", args={"num_classes": 10})).write(model.path)
    with pytest.raises(UserError, match=r"missing from the weights(.|\n)*and \d+ more"):
        build(model.path)


@pytest.mark.parametrize("content", [b"", b"not safetensors", pickle.dumps({"weight": [1]})])
def test_damaged_or_pickled_weights_are_refused(model: TorchModel, content: bytes) -> None:
    model.file.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        build(model.path)


def test_a_folder_without_a_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a model recipe"):
        build(tmp_path)


def test_a_recipe_with_an_unknown_change_is_refused(tmp_path: Path) -> None:
    document = {"source": {"op": "timm", "name": "test_vit"}, "changes": [{"op": "shrink"}]}
    (tmp_path / "recipe.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match="shrink"):
        Recipe.read(tmp_path)


def test_a_function_of_anybodys_is_a_source_and_a_change(tmp_path: Path) -> None:
    source = Factory(target="torch.nn:Linear", args={"in_features": 3, "out_features": 2})
    recipe = Recipe(source=source).then(Custom(op="torch.nn.utils:fuse_conv_bn_eval"))
    recipe.write(tmp_path)
    assert Recipe.read(tmp_path) == recipe
    assert Recipe(source=source, changes=(Custom(op="copy:deepcopy"),)).source == source
    assert create(Recipe(source=source).then(Custom(op="copy:deepcopy"))).out_features == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_package.models:make", "cannot be imported.*no_such_package"),
        ("torch.nn:NoSuchLayer", "cannot be imported.*NoSuchLayer"),
        ("builtins:dict", "gave a dict, not a torch.nn.Module"),
    ],
)
def test_a_source_that_is_not_there_or_gives_no_module_is_refused(target: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        create(Recipe(source=Factory(target=target)))
