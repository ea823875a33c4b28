"""ReLU in place of ReLU6, which is not homogeneous: another function, unless no value reaches 6."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgesmith import UserError

if TYPE_CHECKING:
    from torch import nn

STEP = "edgesmith_stages.equalization.relu6:open_clamps"
"""The name of the change in a recipe."""


def open_clamps(module: nn.Module, parts: Sequence[str]) -> nn.Module:
    """Replace a network's ReLU6 parts by ReLU, in place.

    Args:
        module: the network.
        parts: names of its parts.

    Raises:
        UserError: one of them isn't a ReLU6 of the network.
    """
    from torch import nn

    for name in parts:
        try:
            part = module.get_submodule(name)
        except AttributeError as error:
            raise UserError(f"an equalised model's recipe names {name!r}, which the model doesn't have") from error
        if not isinstance(part, nn.ReLU6):
            raise UserError(f"an equalised model's recipe names {name!r} as a ReLU6, and it is a {type(part).__name__}")
        module.set_submodule(name, nn.ReLU(inplace=part.inplace))
    return module
