"""A stage that writes a network with random weights. The projects that are tried get a copy of this file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from edgesmith import Context, InputContract, Stage, TorchModel, UserError, hookimpl

CLASSES = 1000
LAYER_SCALE = 0.1


class Untrained(Stage):
    """A network of timm's with seeded random weights, and BatchNorm statistics that fit them."""

    name = "untrained"
    outputs = {"model": TorchModel}
    requirements = TorchModel.requirements

    class Params(Stage.Params):
        """Params of `untrained`."""

        model: str = Field(description="timm's name")
        size: int = Field(224, ge=1, description="side of the images")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Create, settle, write."""
        import numpy as np
        import torch

        from edgesmith_stages.models.recipe import Recipe, create, save
        from edgesmith_stages.models.steps import Timm

        recipe = Recipe(source=Timm(name=params.model, args={"num_classes": CLASSES}))
        torch.manual_seed(ctx.seed)
        try:
            module = create(recipe).eval()
        except UserError as error:
            raise UserError(f"timm has no {params.model} here: {error.message}", hint=error.hint) from error
        shape = (4, params.size, params.size, 3)
        images = np.random.default_rng(ctx.seed).integers(0, 256, shape, np.uint8)
        contract = InputContract(size=shape[1:3], classes=tuple(str(number) for number in range(CLASSES)))
        settle(module, torch.from_numpy(contract.normalise(images)))
        save(ctx.out("model"), module, recipe, contract, images)
        return {"params": sum(one.numel() for one in module.parameters())}


def settle(module: Any, images: Any) -> None:
    """Give every BatchNorm weights that are not the identity's, and the statistics of some images.

    With those of no images, numbers grow from layer to layer until no half can hold them, as no trained network's do.
    A norm that sees one number an image and channel, behind the pooling, is told that they vary as much as they are
    large: pooled noise hardly varies, and to divide by that would magnify the roundings of all layers before it.
    Layer scales begin at 1e-5 or so, where halves hold few digits; training brings them to tenths.
    """
    import torch

    norms = [part for part in module.modules() if isinstance(getattr(part, "running_var", None), torch.Tensor)]
    pooled, hooks = [], []

    def look(part: Any, inputs: tuple[Any, ...]) -> None:
        if inputs[0].numel() == len(images) * part.num_features:
            pooled.append(part)

    for part in norms:
        hooks.append(part.register_forward_pre_hook(look))
        part.reset_running_stats()
        part.momentum = None  # an average over all that it sees
        if part.weight is not None:
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias, 0, 0.1)
        part.train()
    with torch.no_grad():
        for weight in module.parameters():
            if 0 < float(weight.abs().max()) < LAYER_SCALE / 10:
                weight.fill_(LAYER_SCALE)
        module(images)
        for part in pooled:
            part.running_var.copy_(torch.maximum(part.running_var, part.running_mean.square()))
    for hook in hooks:
        hook.remove()
    module.eval()


@hookimpl
def edgesmith_stages() -> list[type[Stage]]:
    """The untrained network."""
    return [Untrained]
