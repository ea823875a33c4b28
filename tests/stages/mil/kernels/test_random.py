"""Random operations: the same numbers each time, of the distribution asked for."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.mil.kernels.random import KERNELS

from .calls import call, run

PLAIN: dict[str, dict[str, Any]] = {
    "random_bernoulli": {"shape": [50]},
    "random_categorical": {"x": [[0.0, 1.0, 2.0]], "size": 50},
    "random_normal": {"shape": [50]},
    "random_uniform": {"shape": [50]},
}


@pytest.mark.parametrize("name", PLAIN)
def test_numbers_depend_on_the_seed_only(name: str) -> None:
    def numbers(**arguments: Any) -> torch.Tensor:
        return torch.as_tensor(run(KERNELS[name, 5], **PLAIN[name], **arguments)).double()

    assert torch.equal(numbers(seed=3), numbers(seed=3))
    assert not torch.equal(numbers(seed=3), numbers(seed=4))
    assert torch.equal(numbers(seed=3), numbers(seed=3, type="another")), "the name does not matter"
    torch.testing.assert_close(numbers(seed=3), numbers(seed=3, compute=torch.float16), atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("name", PLAIN)
def test_without_a_seed_the_name_decides(name: str) -> None:
    kernel = KERNELS[name, 5]
    first, again, other = (kernel(call(type, **PLAIN[name])) for type in ("a", "a", "b"))
    assert torch.equal(torch.as_tensor(first), torch.as_tensor(again))
    assert not torch.equal(torch.as_tensor(first), torch.as_tensor(other))
    assert torch.equal(torch.as_tensor(first), torch.as_tensor(kernel(call("a", seed=-1, **PLAIN[name]))))


def test_distributions() -> None:
    shape = [200, 100]
    assert run(KERNELS["random_bernoulli", 5], shape=shape, prob=0.2).mean() == pytest.approx(0.2, abs=0.02)
    normal = run(KERNELS["random_normal", 5], shape=shape, mean=3.0, stddev=0.5)
    assert (normal.mean(), normal.std()) == (pytest.approx(3, abs=0.02), pytest.approx(0.5, abs=0.02))
    uniform = run(KERNELS["random_uniform", 5], shape=shape, low=-1.0, high=3.0)
    assert uniform.min() >= -1 and uniform.max() < 3 and uniform.mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("mode", ["logits", "probs"])
def test_classes_are_drawn_as_often_as_they_are_probable(mode: str) -> None:
    probabilities = torch.tensor([[[0.1, 0.9], [0.7, 0.3]]])
    x = probabilities.log() if mode == "logits" else probabilities
    found = run(KERNELS["random_categorical", 5], x=x, mode=mode, size=5000)
    assert found.shape == (1, 2, 5000)
    torch.testing.assert_close(found.mean(-1), probabilities[..., 1], atol=0.03, rtol=0)


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(UserError, match="unknown mode 'prob'; did you mean 'probs'"):
        run(KERNELS["random_categorical", 5], x=[[0.5, 0.5]], mode="prob")
