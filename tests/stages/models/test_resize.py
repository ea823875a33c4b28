"""What pruning did to sizes is recorded and replayed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from edgesmith import UserError
from edgesmith_stages.models.resize import changes, resize, structure


def test_a_smaller_module_is_rebuilt_from_the_differences_alone() -> None:
    wide = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.LayerNorm(8), nn.Linear(8, 2))
    slim = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.LayerNorm(5), nn.Linear(5, 2))
    shapes, attributes = changes(structure(wide), structure(slim))
    assert attributes == {
        "0": {"out_channels": 5},
        "1": {"num_features": 5},
        "3": {"normalized_shape": (5,)},
        "4": {"in_features": 5},
    }
    rebuilt = resize(wide, shapes, attributes)
    rebuilt.load_state_dict(slim.state_dict())
    images = torch.rand(2, 3, 3, 3)
    assert torch.equal(rebuilt.eval()(images), slim.eval()(images))


def test_equal_modules_have_no_differences() -> None:
    assert changes(structure(nn.Linear(2, 3)), structure(nn.Linear(2, 3))) == ({}, {})


def test_layers_that_came_or_went_can_not_be_recorded() -> None:
    with pytest.raises(UserError, match=r"can't be replayed: 1"):
        changes(structure(nn.Sequential(nn.ReLU())), structure(nn.Sequential(nn.ReLU(), nn.Linear(1, 1))))


@pytest.mark.parametrize(("shapes", "attributes"), [({"body.weight": (1,)}, {}), ({}, {"body": {"in_features": 1}})])
def test_a_recipe_of_another_model_is_refused(shapes: Any, attributes: Any) -> None:
    with pytest.raises(UserError, match="body"):
        resize(nn.Sequential(nn.Linear(2, 2)), shapes, attributes)
