"""Networks that can't be trained are refused at their first image."""

import pytest
import torch

from edgesmith import InputContract, UserError
from edgesmith_stages.models.recipe import create
from edgesmith_stages.training.first_image import check_runs
from edgesmith_stages.training.network import InputOptions, recipe_of


def checked(model, size=32, **model_args):
    """Make a network of four classes as `train` does, and check it."""
    options = InputOptions(model=model, model_args=model_args)
    module = create(recipe_of(options, 4, (size, size), {}))
    check_runs(module, options, InputContract(size=(size, size), classes=("a", "b", "c", "d")))
    return module


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "test_efficientnet", "in_chans": 1}, "can't take an image of 32x32 pixels and 3 channels"),
        ({"model": "test_vit", "size": 50}, r"(?s)50x50 pixels.*divisible by patch size.*change `image_size`"),
        ({"model": "test_efficientnet", "global_pool": ""}, r"(?s)32x32.*`model_args` \(global_pool: ''\)"),
        ({"model": "test_vit", "global_pool": ""}, r"gives a tensor of shape \[1, 5, 4\] .* expected \[1, 4\]"),
        ({"model": "test_efficientnet", "features_only": True}, "gives a list for an image"),
    ],
)
def test_says_what_does_not_fit(given, message):
    with pytest.raises(UserError, match=message):
        checked(**given)


@pytest.mark.parametrize("model", ["test_efficientnet", "test_vit", "levit_128s"])
def test_leaves_everything_as_it_was(model):
    size = 224 if model == "levit_128s" else 32
    torch.manual_seed(3)
    plain = create(recipe_of(InputOptions(model=model), 4, (size, size), {}))
    drawn = torch.rand(1)
    torch.manual_seed(3)
    module = checked(model, size)
    assert torch.equal(torch.rand(1), drawn)
    assert all(part.training for part in module.modules())
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in plain.state_dict().items())
    module(torch.rand(2, 3, size, size)).sum().backward()
    assert all(one.grad is not None for one in module.parameters())
