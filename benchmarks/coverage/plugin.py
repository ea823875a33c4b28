"""A stage that writes a network with random weights. The projects that are tried get a copy of this file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from edgesmith import Context, InputContract, Stage, TorchModel, UserError, hookimpl

CLASSES = 1000


class Untrained(Stage):
    """A network of timm's with seeded random weights, and BatchNorm statistics as training might have left them."""

    name = "untrained"
    outputs = {"model": TorchModel}
    requirements = TorchModel.requirements

    class Params(Stage.Params):
        """Params of `untrained`."""

        model: str = Field(description="timm's name")
        size: int = Field(224, ge=1, description="side of the images")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Create, shake, write."""
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
        shake(module)
        shape = (4, params.size, params.size, 3)
        images = np.random.default_rng(ctx.seed).integers(0, 256, shape, np.uint8)
        contract = InputContract(size=shape[1:3], classes=tuple(str(number) for number in range(CLASSES)))
        save(ctx.out("model"), module, recipe, contract, images)
        return {"params": sum(one.numel() for one in module.parameters())}


def shake(module: Any) -> None:
    """Give every BatchNorm statistics and weights that are not the identity's."""
    import torch

    for part in module.modules():
        if isinstance(getattr(part, "running_var", None), torch.Tensor):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            if part.weight is not None:
                torch.nn.init.uniform_(part.weight, 0.5, 1.5)
                torch.nn.init.normal_(part.bias, 0, 0.1)


@hookimpl
def edgesmith_stages() -> list[type[Stage]]:
    """The untrained network."""
    return [Untrained]
