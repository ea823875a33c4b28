"""Create timm models by name, with messages that help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith.errors import suggestion

if TYPE_CHECKING:
    from torch import nn

REFUSALS = (TypeError, ValueError, AssertionError, RuntimeError, AttributeError, LookupError)
"""What timm's models raise for arguments that they don't take."""


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
    except REFUSALS as error:
        raise not_taken(name, args, error) from error
    return module


def not_taken(name: str, args: Mapping[str, Any], error: Exception) -> UserError:
    """Return the error of a model that refuses its arguments."""
    given = ", ".join(f"{key}={value!r}" for key, value in args.items())
    return UserError(f"timm's {name} does not take ({given}): {error}")


def check_timm_name(name: str) -> None:
    """Raise UserError, with the nearest name, for a model, or a tag of its weights, that this timm doesn't have."""
    import timm

    bare, _, tag = name.partition(".")
    if not timm.is_model(bare):
        guess = suggestion(bare, timm.list_models())
        raise UserError(
            f"timm {timm.__version__} has no model {name!r}{guess}",
            hint="`python -c \"import timm; print(timm.list_models('*mobile*'))\"` lists what it has",
        )
    try:
        timm.get_pretrained_cfg(name, allow_unregistered=True)
    except RuntimeError as error:
        tags = [one.partition(".")[2] for one in timm.list_models(f"{bare}.*", pretrained=True)]
        raise UserError(
            f"timm {timm.__version__} has no weights {tag!r} of {bare!r}{suggestion(tag, tags)}",
            hint=f"it has {', '.join(tags)}; or name the model alone" if tags else "name the model alone",
        ) from error
