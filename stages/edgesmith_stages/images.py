"""Images of a dataset as the pixels that models are fed with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesmith.dataset import SplitName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edgesmith import Context, DatasetRef, InputContract


class Images:
    """A split's images, preprocessed once per distinct preprocessing."""

    def __init__(self, ctx: Context, ref: DatasetRef, split: SplitName, limit: int | None = None) -> None:
        self._dataset = ctx.dataset(ref)
        self._split = self._dataset.split(split)
        self.count = min(len(self._split), limit) if limit else len(self._split)
        self._pixels: dict[str, NDArray[np.uint8]] = {}

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, int64 [N]; -1 where there are none."""
        return self._split.labels[: self.count]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order."""
        return self._dataset.classes

    def pixels(self, contract: InputContract) -> NDArray[np.uint8]:
        """Return the images as uint8 [N, H, W, C], preprocessed as a model's contract says."""
        key = contract.model_dump_json(include={"size", "channels", "color", "resample", "crop_fraction"})
        if key not in self._pixels:
            self._pixels[key] = contract.pixels([self._split.image(i) for i in range(self.count)])
        return self._pixels[key]

    def first(self, contract: InputContract, count: int) -> NDArray[np.uint8]:
        """Return no more than `count` images, as `pixels` does; they are not kept."""
        return contract.pixels([self._split.image(i) for i in range(min(count, self.count))])

    def thumbnail(self, index: int, side: int) -> Image:
        """Return an image as the dataset holds it, in RGB, made smaller where a side is longer than `side` pixels."""
        image = self._split.image(index).convert("RGB")
        image.thumbnail((side, side))
        return image
