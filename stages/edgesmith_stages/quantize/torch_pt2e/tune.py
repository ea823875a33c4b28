"""Fine-tune a torch model with fake quantisation, by the project's own training loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith import StageFailed
from edgesmith_stages.quantize.torch_pt2e.graph import fixed, give_ranges, observers, prepared
from edgesmith_stages.quantize.torch_pt2e.network import trainee
from edgesmith_stages.quantize.torch_pt2e.static import calibrate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from edgesmith import Context, InputContract
    from edgesmith_stages.models.steps import QuantizePt2e
    from edgesmith_stages.training.data import TrainingData
    from edgesmith_stages.training.losses import Loss


def calibrated(
    ctx: Context, module: nn.Module, step: QuantizePt2e, contract: InputContract, images: NDArray[np.uint8], params: Any
) -> tuple[nn.Module, nn.Module]:
    """Return the module to train, with its first ranges, and the int8 model that it starts as.

    Args:
        module: float, fused; its weights are those that will be trained.
        images: calibration images, uint8 [N, H, W, C].
    """
    static = prepared(module, step.shape, step.exclude)
    calibrate(ctx, static, contract, images)
    graph = prepared(module, step.shape, step.exclude, training=True)
    _require_alike(static, graph)
    give_ranges(static, graph)
    observed = max(0, params.epochs - params.fixed_epochs)
    return trainee(graph, observed), fixed(static)


def tuned(
    ctx: Context,
    module: nn.Module,
    step: QuantizePt2e,
    start: nn.Module,
    loss: Loss,
    data: TrainingData,
    params: Any,
) -> tuple[Any, dict[str, Any]]:
    """Train, and return the observed graph with the weights and ranges found, and the figures of training."""
    import torch

    from edgesmith_stages.training.loop import fit

    figures = fit(ctx, start, loss, data, params.training).figures()
    trained: Any = start.body
    graph = prepared(module, step.shape, step.exclude)
    weights = trained.state_dict()
    with torch.no_grad():
        for name, value in graph.state_dict(keep_vars=True).items():
            if not name.startswith("activation_post_process"):
                value.copy_(weights[name])
    _require_alike(trained, graph)
    give_ranges(trained, graph)
    return graph, {"loss": figures["loss"], "epochs": figures["epochs"]}


def _require_alike(one: Any, other: Any) -> None:
    """Raise StageFailed unless the same tensors become int8 in both."""
    if set(observers(one)) != set(observers(other)):
        raise StageFailed(
            "torchao quantises this model otherwise when it trains it: a norm was left that no convolution takes in",
            hint="take the `quantize` stage, which calibrates without training",
        )
