"""The weights that training starts from: random, downloaded, or from a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import Context, UserError
from edgesmith_stages.models.recipe import Recipe, check_fit, create
from edgesmith_stages.models.timm_source import REFUSALS, not_taken
from edgesmith_stages.training.network import head_names

if TYPE_CHECKING:
    from torch import nn

_PROBE_SECONDS = 5.0


def pretrained(recipe: Recipe) -> nn.Module:
    """Create a timm model with the weights that timm publishes for it.

    A classifier of another size starts at random.

    Raises:
        UserError: the model is not timm's, has no published weights, or its hub can't be reached and has left no copy
            in the local cache.
    """
    if recipe.source.op != "timm":
        raise UserError("`pretrained: true` works for timm's models only", hint="use `checkpoint` for other models")
    import timm

    name = recipe.source.name
    if not timm.models.is_model_pretrained(name.split(".")[0]):
        raise UserError(f"timm has no pretrained weights for {name!r}", hint="set `pretrained: false`")
    from huggingface_hub import constants

    hub = str(constants.ENDPOINT)
    online = _reachable(hub)
    try:
        with contextlib.nullcontext() if online else _offline():
            module: nn.Module = timm.create_model(name, pretrained=True, **recipe.source.args)
    except OSError as error:
        raise UserError(
            f"the pretrained weights of {name!r} can't be had from {hub}"
            + (f": {error}" if online else ": it can't be reached, and the local cache has no copy"),
            hint="download the file elsewhere and give its path as `checkpoint`, or set `pretrained: false` to train "
            "from scratch",
        ) from error
    except RuntimeError as error:
        raise UserError(f"the pretrained weights of {name!r} can't be used: {error}") from error
    except REFUSALS as error:
        raise not_taken(name, recipe.source.args, error) from error
    return module


def _reachable(address: str) -> bool:
    """Ask once, briefly: the hub's own client would retry each file for half a minute."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(address, method="HEAD"), timeout=_PROBE_SECONDS):
            return True
    except HTTPError:
        return True
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def from_checkpoint(ctx: Context, recipe: Recipe, file: Path) -> nn.Module:
    """Create a model with weights from a file: safetensors, or what `torch.save` wrote, read with `weights_only`.

    A classifier of another size starts at random; everything else must fit.

    Raises:
        UserError: the file can't be read or doesn't fit the model.
    """
    module = create(recipe)
    given, own = _read(file), module.state_dict()
    heads = head_names(module)
    fresh = [name for name in own if name.startswith(heads) and name in given and given[name].shape != own[name].shape]
    if fresh:
        ctx.log.info("%s has another shape in %s; it starts at random", ", ".join(fresh), file)
    for name in fresh:
        given[name] = own[name]
    check_fit(
        own,
        given,
        source="file",
        message=f"the weights in {file} don't fit the model",
        hint="check `model` and `model_args`, and that the file is of this model",
    )
    module.load_state_dict(given)
    return module


def _read(file: Path) -> dict[str, Any]:
    import pickle

    import torch
    from safetensors import SafetensorError
    from timm.models import load_state_dict

    try:
        state = load_state_dict(str(file), weights_only=True)
    except (
        OSError,
        RuntimeError,
        ValueError,
        EOFError,
        AttributeError,
        SafetensorError,
        pickle.UnpicklingError,
    ) as error:
        raise UserError(
            f"{file} can't be read as weights: {error}",
            hint="expected a .safetensors file, or one that `torch.save(model.state_dict(), ...)` wrote",
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise UserError(f"{file} holds no state dict of tensors")
    return dict(state)
