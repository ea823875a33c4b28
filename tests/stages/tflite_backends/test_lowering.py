"""What litert-torch miscomputes, replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgesmith import InputContract, TorchModel
from edgesmith.testing import Outcome
from edgesmith_stages.models.recipe import Recipe, create, save
from edgesmith_stages.models.steps import Factory
from edgesmith_stages.tflite_backends.lowering import lowered

SIDES = st.integers(1, 12)


def attention(heads: int, shared: bool) -> nn.Module:
    """Attention of an image's channels, [N, heads * 4, H, W], to the image itself."""

    class Attention(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            query = image.flatten(2).unflatten(1, (heads, 4)).transpose(-1, -2)
            keys = query[:, :1] if shared else query
            return nn.functional.scaled_dot_product_attention(query, keys, keys, scale=0.7)

    return Attention().eval()


@settings(max_examples=50, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES)
def test_every_size_takes_the_pixels_that_torch_takes(high: int, wide: int, to_high: int, to_wide: int) -> None:
    """Larger and smaller; multiples are left to the converter."""
    image, network = torch.rand(2, 3, high, wide), nn.Upsample(size=(to_high, to_wide))
    found = lowered(network, image)
    assert (found is network) == (to_high % high == 0 and to_wide % wide == 0)
    assert torch.equal(found(image), network(image))


@pytest.mark.parametrize("factor", [2.3, (0.6, 1.9), 1 / 3])
def test_a_factor_takes_the_pixels_that_torch_takes(factor: Any) -> None:
    """Which are not those of the size that it gives."""
    image, network = torch.rand(1, 2, 7, 9), nn.Upsample(scale_factor=factor)
    found = lowered(network, image)
    assert found is not network
    assert torch.equal(found(image), network(image))


def test_heads_that_share_keys_become_plain_products() -> None:
    """Heads with keys of their own are left alone, and so are other ways to resize."""
    image = torch.rand(2, 12, 3, 3)
    shared = attention(3, shared=True)
    found = lowered(shared, image)
    assert found is not shared
    torch.testing.assert_close(found(image), shared(image))
    for network in (attention(3, shared=False), nn.Upsample(size=(5, 7), mode="bilinear")):
        assert lowered(network, image) is network


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "args"),
    [
        ("torch.nn:Upsample", {"size": [7, 10]}),
        ("timm.layers:MultiQueryAttention2d", {"dim": 3, "num_heads": 3, "key_dim": 4, "value_dim": 4}),
    ],
)
def test_the_files_compute_what_torch_does(
    target: str, args: dict[str, Any], tmp_path: Path, export_tflite: Callable[..., Outcome | str]
) -> None:
    """Without the replacements they hold 20 dB at most."""
    recipe = Recipe(source=Factory(target=target, args=args))
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (2, 4, 4, 3), dtype=torch.uint8).numpy()
    save(tmp_path, create(recipe).eval(), recipe, InputContract(size=(4, 4), classes=("a", "b", "c")), pixels)
    made = export_tflite(TorchModel(tmp_path))
    assert isinstance(made, Outcome), made
    assert made.figures["sqnr_db"] > 100
