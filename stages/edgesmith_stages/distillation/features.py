"""What layers of a network give, as maps [N, C, H, W]."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith.errors import suggestion

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def watching(network: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a mapping that each named layer's latest output goes to while the network runs."""
    seen: dict[str, Any] = {}

    def keep(name: str) -> Any:
        def hook(layer: Any, given: Any, output: Any) -> None:
            seen[name] = output

        return hook

    handles = [network.get_submodule(name).register_forward_hook(keep(name)) for name in layers]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def maps(network: nn.Module, layers: Sequence[str], seen: dict[str, Any], images: int) -> list[Any]:
    """Return what layers gave for some images as maps [N, C, H, W].

    Vectors [N, C] become maps of one pixel, tokens [N, L, C] without the class token squares; where timm says that a
    network's layers are NHWC, they are turned.

    Raises:
        UserError: a layer did not run, or gives no map.
    """
    return [_map(network, name, seen.get(name), images) for name in layers]


def _map(network: nn.Module, name: str, value: Any, images: int) -> Any:
    # MobileViT's attention, for one, has patches in the place of images.
    dims = getattr(value, "ndim", None) if tuple(getattr(value, "shape", ()))[:1] == (images,) else None
    if dims == 2:
        return value[:, :, None, None]
    if dims == 4:
        return value.permute(0, 3, 1, 2) if getattr(network, "output_fmt", None) == "NHWC" else value
    if dims == 3:
        tokens = value[:, int(getattr(network, "num_prefix_tokens", 0)) :]
        side = math.isqrt(tokens.shape[1])
        if side and side * side == tokens.shape[1]:
            return tokens.transpose(1, 2).unflatten(2, (side, side))
    gives = list(value.shape) if hasattr(value, "shape") else type(value).__name__
    raise UserError(
        f"the layer {name!r} " + ("doesn't run" if value is None else f"gives {gives} for {images} images"),
        hint="hints take layers that give maps [N, C, H, W], vectors [N, C] or a square number of tokens [N, L, C]",
    )


def widths(network: nn.Module, layers: Sequence[str], channels: int, size: tuple[int, int]) -> list[int]:
    """Return how many channels each layer's maps have, found by running the network once, in eval mode.

    Raises:
        UserError: a layer gives no map.
    """
    import torch

    device = next(network.parameters()).device
    network.eval()
    with torch.no_grad(), watching(network, layers) as seen:
        network(torch.zeros(2, channels, *size, device=device))
    return [int(one.shape[1]) for one in maps(network, layers, seen, 2)]


def check_layers(network: nn.Module, layers: Sequence[str], whose: str) -> None:
    """Raise UserError, with the nearest name, for a layer that the network doesn't have."""
    known = [name for name, _ in network.named_modules() if name]
    for name in layers:
        if name not in known:
            guess = suggestion(name, known)
            stages = ", ".join(by_stride(network).values())
            raise UserError(
                f"hints: the {whose} has no layer {name!r}{guess}",
                hint=f"its stages end in {stages}" if stages else "`named_modules()` of the network lists its layers",
            )


def by_stride(network: nn.Module) -> dict[int, str]:
    """Return, by stride, the last layer of each stage of a network, as timm's `feature_info` has them; maybe none."""
    known = {name for name, _ in network.named_modules()}
    found = {int(one["reduction"]): str(one["module"]) for one in getattr(network, "feature_info", None) or ()}
    return {stride: name for stride, name in sorted(found.items()) if name in known}
