"""Merge training-time branches (RepVGG, MobileOne, FastViT, RepViT and their kin)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesmith import UserError

if TYPE_CHECKING:
    from torch import nn

_WAYS = ("fuse", "reparameterize", "switch_to_deploy")


def has_branches(module: nn.Module) -> bool:
    """Tell whether any part of a module below its root offers to be merged."""
    return any(hasattr(part, way) for name, part in module.named_modules() if name for way in _WAYS)


def reparameterize(module: nn.Module) -> nn.Module:
    """Merge every part that offers it, in place, by `timm.utils.reparameterize_model`.

    BatchNorm statistics are baked in: even in train mode, the result computes what the module did in eval mode.

    Raises:
        UserError: timm's own code for the model fails.
    """
    import torch
    from timm.utils import reparameterize_model

    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            merged: nn.Module = reparameterize_model(module, inplace=True)
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{type(module).__name__} can't be reparameterised: {error}",
            hint="set `reparameterize: false` on the fuse stage",
        ) from error
    return merged.train(training)
