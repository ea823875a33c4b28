"""A split whose images are all in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


@dataclass(frozen=True)
class ArraySplit:
    """One split of a dataset (see `edgesmith.Split`).

    Attributes:
        images: uint8 [N, H, W] (grey) or [N, H, W, 3] (RGB).
        labels: int64 [N].
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def image(self, index: int) -> Image:
        """Return one image, mode L or RGB."""
        from PIL import Image

        pixels: Any = self.images[index]
        return Image.fromarray(pixels)
