"""The stage `tinker`, which changes torch models by a function of its own."""

from __future__ import annotations

import json

from edgesmith import Stage, TorchModel, carry


def clamped(module):
    """Change a network."""
    from torch import nn

    return nn.Sequential(module, nn.ReLU6())


class Tinker(Stage):
    """Note in a model's recipe that `clamped` is to be called."""

    name, version = "tinker", "1"
    inputs = {"model": TorchModel}
    outputs = {"model": TorchModel}

    def run(self, ctx, inputs, params):
        source, folder = inputs["model"].path, ctx.out("model")
        recipe = json.loads((source / "recipe.json").read_text())
        recipe["changes"].append({"op": f"{__name__}:clamped"})
        (folder / "recipe.json").write_text(json.dumps(recipe))
        (folder / TorchModel.main).write_bytes((source / TorchModel.main).read_bytes())
        carry(inputs["model"], folder)
