"""What litert-torch gets wrong or doesn't know, computed by operators that it gets right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def lowered(module: nn.Module, example: Tensor) -> nn.Module:
    """Wrap a module so that tracing it meets nothing that litert-torch 0.10 miscomputes or doesn't know.

    - Nearest-neighbour resizing to a size that is no multiple: its RESIZE_NEAREST_NEIGHBOR takes other pixels than
      torch does (GhostNetV2's 3 x 3 to 7 x 7 leave 20 dB). Rows and columns are gathered by index instead.
    - Attention whose heads share keys and values: they are paired with the wrong queries (hybrid MobileNetV4: 20 dB).
      It becomes two matrix products and a softmax.
    - Resizing with antialiasing, which it doesn't know: a ViT's table of positions.

    Args:
        module: takes and returns a tensor; it stays as it is.
        example: what it takes.

    Returns:
        The wrapped module, or the module itself where there is nothing to replace.
    """
    import torch
    from torch import nn

    from edgesmith_stages.formats.replaced import Replacement, replacing

    replacements: dict[Any, Replacement] = {
        nn.functional.interpolate: _resized,
        nn.functional.scaled_dot_product_attention: _shared_attention,
    }

    class Lowered(nn.Module):  # type: ignore[misc]
        """The module, traced with replacements."""

        def __init__(self) -> None:
            super().__init__()
            self.network = module

        def forward(self, image: Tensor) -> Any:
            with replacing(replacements):
                return self.network(image)

    with torch.no_grad(), replacing(replacements) as seen:
        module(example)
    # timm resizes positions for a size that they fit already, too, but only while a graph is made.
    tables = any(getattr(part, "dynamic_img_size", False) for part in module.modules())
    return Lowered().eval() if seen.replaced or tables else module


def _resized(image: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
    from edgesmith_stages.formats.replaced import antialiased

    found = antialiased(image, *args, **kwargs)
    return _nearest(image, *args, **kwargs) if found is None else found


def _nearest(
    image: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *_: Any, **__: Any
) -> Tensor | None:
    """Resize [N, C, H, W] by indices, or return None where `interpolate` does well enough."""
    import torch

    if mode != "nearest" or image.ndim != 4:
        return None
    # Which pixels torch takes is asked of torch: it depends on rounding, and on whether a size or a factor is given.
    rows, columns = (
        torch.nn.functional.interpolate(torch.arange(float(length)).reshape(1, 1, -1), one, factor, mode)
        for length, one, factor in zip(image.shape[2:], _pair(size), _pair(scale_factor), strict=True)
    )
    if rows.numel() % image.shape[2] == 0 and columns.numel() % image.shape[3] == 0:
        return None
    return image.index_select(2, rows.flatten().long()).index_select(3, columns.flatten().long())


def _shared_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **_: Any,
) -> Tensor | None:
    """Attention of [N, heads, L, E] to keys and values of one head; None where each head has its own, or of a mask."""
    if query.shape[:-2] == key.shape[:-2] or attn_mask is not None or is_causal or dropout_p:
        return None
    scaled = query * (query.shape[-1] ** -0.5 if scale is None else scale)
    return (scaled @ key.transpose(-2, -1)).softmax(-1) @ value


def _pair(value: Any) -> tuple[Any, Any]:
    return (value[0], value[1]) if isinstance(value, (tuple, list)) else (value, value)
