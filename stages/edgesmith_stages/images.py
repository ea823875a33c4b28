"""Images of a dataset as the pixels that models are fed with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgesmith.calibration import draw
from edgesmith.dataset import SplitName
from edgesmith.input_contract import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edgesmith import Context, DatasetRef, InputContract


class Images:
    """A split's images, preprocessed once per distinct preprocessing.

    Args:
        limit: take no more images than that, drawn by the pipeline's seed, stratified: a folder's come class by class.
    """

    def __init__(self, ctx: Context, ref: DatasetRef, split: SplitName, limit: int | None = None) -> None:
        self._dataset = ctx.dataset(ref)
        self._split = self._dataset.split(split)
        self._indices: Sequence[int] = range(len(self._split))
        if limit and limit < len(self._split):
            self._indices = [int(index) for index in draw(self._split.labels, limit, ctx.seed)]
        self.count = len(self._indices)
        self._pixels: dict[str, NDArray[np.uint8]] = {}

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, int64 [N]; -1 where there are none."""
        import numpy as np

        return self._split.labels[np.asarray(self._indices, np.int64)]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order."""
        return self._dataset.classes

    def pixels(self, contract: InputContract) -> NDArray[np.uint8]:
        """Return the images as uint8 [N, H, W, C], preprocessed as a model's contract says."""
        key = contract.model_dump_json(include={"size", "channels", "color", "resample", "crop_fraction"})
        if key not in self._pixels:
            self._pixels[key] = contract.pixels(map(self._split.image, self._indices))
        return self._pixels[key]

    def first(self, contract: InputContract, count: int) -> NDArray[np.uint8]:
        """Return no more than `count` images, as `pixels` does; they are not kept."""
        return contract.pixels(map(self._split.image, self._indices[:count]))

    def thumbnail(self, index: int, side: int) -> Image:
        """Return an image as the dataset holds it, in RGB, made smaller where a side is longer than `side` pixels."""
        image = plain(self._split.image(self._indices[index]), "RGB")
        image.thumbnail((side, side))
        return image
