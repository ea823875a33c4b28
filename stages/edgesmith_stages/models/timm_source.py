"""Create timm models by name, with messages that help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith.errors import suggestion

if TYPE_CHECKING:
    from torch import nn


def create_timm(name: str, args: Mapping[str, Any]) -> nn.Module:
    """Create a timm model with random weights.

    Args:
        name: as `timm.create_model` takes it, with or without a pretrained tag.
        args: its keyword arguments.

    Raises:
        UserError: timm has no such model, or the model doesn't take the arguments.
    """
    import timm

    check_timm_name(name)
    try:
        module: nn.Module = timm.create_model(name, pretrained=False, **args)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in args.items())
        raise UserError(f"timm's {name} does not take ({given}): {error}") from error
    return module


def check_timm_name(name: str) -> None:
    """Raise UserError, with the nearest name, for a model that this timm doesn't have."""
    import timm

    bare = name.split(".")[0]
    if not timm.is_model(bare):
        guess = suggestion(bare, timm.list_models())
        raise UserError(
            f"timm {timm.__version__} has no model {name!r}{guess}",
            hint="`python -c \"import timm; print(timm.list_models('*mobile*'))\"` lists what it has",
        )
