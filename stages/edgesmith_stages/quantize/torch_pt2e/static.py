"""Static int8 for torch models: ranges from calibration images."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from edgesmith import Cancelled, UserError
from edgesmith_stages.quantize.torch_pt2e.annotate import check_excluded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from edgesmith import Context, InputContract, TorchModel
    from edgesmith_stages.models.recipe import Recipe
    from edgesmith_stages.models.steps import QuantizePt2e

CHUNK = 32


def quantize_torch(
    ctx: Context, source: TorchModel, made: TorchModel, params: Any, images: NDArray[np.uint8]
) -> dict[str, int]:
    """Quantise a torch model: recipe and weights are written to `made`.

    Branches and BatchNorm are merged into the convolutions first, as the `fuse` stage does it.

    Args:
        images: calibration images, uint8 [N, H, W, C].

    Returns:
        Figures: `int8_weights`, `int8_activations`.
    """
    from edgesmith_stages.quantize.torch_pt2e.graph import count, prepared

    module, recipe, step = ready(source, params.exclude or ())
    graph = prepared(module, step.shape, step.exclude)
    calibrate(ctx, graph, source.contract, images)
    write(made, graph, recipe.then(step))
    return count(graph)


def ready(source: TorchModel, excluded: Collection[str]) -> tuple[nn.Module, Recipe, QuantizePt2e]:
    """Return the fused module of a float artifact, its recipe, and the step that quantises it.

    Raises:
        UserError: an operator in `excluded` is never quantised.
    """
    from edgesmith_stages.fuse import Fuse, fused
    from edgesmith_stages.models.recipe import Recipe, build
    from edgesmith_stages.models.steps import QuantizePt2e

    check_excluded(excluded)
    contract = source.contract
    module, recipe = fused(build(source.path), Recipe.read(source.path), contract, Fuse.Params())
    return module, recipe, QuantizePt2e(shape=(contract.channels, *contract.size), exclude=tuple(sorted(excluded)))


def calibrate(ctx: Context, graph: Any, contract: InputContract, images: NDArray[np.uint8]) -> None:
    """Let the observers of a prepared graph see images, uint8 [N, H, W, C]; the ranges don't depend on their order."""
    import torch

    with torch.no_grad():
        for begin in range(0, len(images), CHUNK):
            if ctx.cancelled:
                raise Cancelled("cancelled while calibrating")
            graph(torch.from_numpy(contract.normalise(images[begin : begin + CHUNK])))


def write(made: TorchModel, graph: Any, recipe: Recipe) -> None:
    """Write a calibrated graph's weights, as int8 codes, and its recipe; the graph is used up.

    Raises:
        UserError: there is nothing in the model that could become int8.
    """
    from edgesmith_stages.models.recipe import write_model
    from edgesmith_stages.quantize.torch_pt2e.graph import count, encode
    from edgesmith_stages.quantize.torch_pt2e.network import network

    if not count(graph)["int8_weights"]:
        raise UserError(
            "the model has no convolution or linear layer that could become int8",
            hint="see `exclude`, and what the model is made of",
        )
    encode(graph)
    write_model(made.path, network(graph), recipe)
