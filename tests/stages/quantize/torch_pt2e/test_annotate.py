"""Which tensors become int8."""

from __future__ import annotations

from typing import Any

import pytest

from edgesmith import UserError
from edgesmith_stages.quantize.torch_pt2e.annotate import OPERATORS, check_excluded, operator, split_silu


def exported(function: Any, *shapes: tuple[int, ...]) -> Any:
    """The graph of a function of tensors."""
    import torch

    class Module(torch.nn.Module):
        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            return function(*tensors)

    return torch.export.export(Module(), tuple(torch.ones(shape) for shape in shapes)).module()


def test_an_operator_in_place_is_that_operator() -> None:
    import torch

    graph = exported(lambda image: torch.relu_(image + 1), (2, 3)).graph
    assert [operator(node) for node in graph.nodes if operator(node)] == ["add", "relu"]


def test_silu_is_taken_apart_and_computes_the_same() -> None:
    import torch

    module = exported(lambda image: torch.nn.functional.silu(image * 2, inplace=True), (2, 3))
    image = torch.linspace(-3, 3, 6).reshape(2, 3)
    expected = module(image)
    split_silu(module.graph)
    module.recompile()
    assert [operator(node) for node in module.graph.nodes if operator(node)] == ["mul", "sigmoid", "mul"]
    assert torch.allclose(module(image), expected)


def test_only_what_is_quantised_can_be_excluded() -> None:
    check_excluded(OPERATORS)
    with pytest.raises(UserError, match=r"'conv2'.*did you mean 'conv2d'"):
        check_excluded(["conv2"])
