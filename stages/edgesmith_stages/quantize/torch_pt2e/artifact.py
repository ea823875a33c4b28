"""The artifact kind `torch-int8`."""

from __future__ import annotations

from dataclasses import dataclass

from edgesmith import Artifact, TorchModel, UserError

TORCHAO = ("torch>=2.14,<2.15", "torchao>=0.18,<0.19")
"""What a graph is quantised and rebuilt with. Ranges are kept by the names that these give a graph's observers, so
that the bounds are narrow."""

RESOLVED = "2026-11-15"
"""The date as of which an environment for it is resolved."""


@dataclass(frozen=True)
class QuantizedTorchModel(TorchModel):
    """A torch model with int8 weights and activations: a recipe that ends in `quantize-pt2e`, and weights.

    `weights.safetensors` holds the weights of convolutions and linear layers as int8, everything else in float32, and
    the range of every quantised tensor.
    """

    kind = "torch-int8"
    requirements = (*TorchModel.requirements, *TORCHAO)


def refuse(kind: type[Artifact], what: str, hint: str) -> None:
    """Raise UserError for a model that is quantised already.

    Args:
        kind: of the model given.
        what: what can't be done to it, as a noun, e.g. "fusing".
        hint: what to do.
    """
    if issubclass(kind, QuantizedTorchModel):
        raise UserError(f"{what} takes a float model, and this one is quantised ({kind.kind})", hint=hint)
