"""Functions of torch that a converter doesn't know, traced as others that it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Replacement = Callable[..., "Tensor | None"]
"""Takes what the function takes; returns None for a call to leave alone."""


def replacing(replacements: Mapping[Any, Replacement]) -> Any:
    """Return a context in which calls of some functions go through their replacements.

    Its `replaced` counts the calls that did.

    Args:
        replacements: by function.
    """
    from torch.overrides import TorchFunctionMode

    class Replacing(TorchFunctionMode):  # type: ignore[misc]
        replaced = 0

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = replacements[func](*args, **(kwargs or {})) if func in replacements else None
            if made is None:
                return func(*args, **(kwargs or {}))
            self.replaced += 1
            return made

    return Replacing()


def antialiased(
    image: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor | None:
    """Resize [N, C, H, W] with antialiasing by two matrix products; None for a call of `interpolate` without it.

    Resizing is linear, an axis at a time. What it does to an axis is asked of torch, which is given the identity. A
    ViT resizes its table of positions so, which is no work for a device: the products of constants are folded. Images
    one pixel wide are left alone: torch 2.14 gives them one value for all rows.
    """
    from concurrent.futures import ThreadPoolExecutor

    import torch

    wanted = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    given = tuple(image.shape[2:])
    if not antialias or image.ndim != 4 or not all(type(side) is int and side > 1 for side in (*wanted, *given)):
        return None

    def along(before: int, after: int) -> list[list[float]]:
        identity = torch.eye(before)[None, None]
        found = torch.nn.functional.interpolate(
            identity, (after, before), mode=mode, align_corners=align_corners, antialias=True
        )
        return found[0, 0].tolist()  # type: ignore[no-any-return]

    with ThreadPoolExecutor(1) as elsewhere:  # a tracer sees what its own thread computes
        rows, columns = (torch.tensor(one) for one in elsewhere.map(along, given, wanted))
    return (rows @ image) @ columns.T
