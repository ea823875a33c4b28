"""Resizing with antialiasing, as matrix products."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgesmith_stages.formats.replaced import antialiased, replacing

SIDES = st.integers(2, 12)
TABLE = {nn.functional.interpolate: antialiased}


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(["bicubic", "bilinear"]))
def test_it_is_what_torch_does(high: int, wide: int, to_high: int, to_wide: int, mode: str) -> None:
    """Larger and smaller, each axis on its own."""
    image = torch.rand(2, 3, high, wide)
    wanted = nn.functional.interpolate(image, (to_high, to_wide), mode=mode, antialias=True)
    with replacing(TABLE) as seen:
        found = nn.functional.interpolate(image, size=(to_high, to_wide), mode=mode, antialias=True)
    assert seen.replaced == 1
    torch.testing.assert_close(found, wanted)


def test_any_other_resizing_is_left_alone() -> None:
    image = torch.rand(1, 2, 5, 5)
    with replacing(TABLE) as seen:
        nn.functional.interpolate(image, size=7, mode="bicubic")
        nn.functional.interpolate(image, scale_factor=2.0, mode="nearest")
        nn.functional.interpolate(image[..., :1], size=(7, 1), mode="bicubic", antialias=True)
    assert seen.replaced == 0


class Positions(nn.Module):
    """Adds a table for 4 x 4 places to an image of any size, as a ViT does."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.rand(1, 3, 4, 4))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        table = nn.functional.interpolate(self.table, size=image.shape[-2:], mode="bicubic", antialias=True)
        return image + table


@pytest.mark.slow
def test_an_exported_graph_has_products_of_constants() -> None:
    """Which converters fold; none of them knows the operator itself."""
    network, image = Positions().eval(), torch.rand(1, 3, 6, 6)

    class Traced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            with replacing(TABLE):
                return self.network(image)

    program = torch.export.export(Traced().eval(), (image,)).run_decompositions({})
    assert not [node for node in program.graph.nodes if "upsample" in str(node.target)]
    torch.testing.assert_close(program.module()(image), network(image))
