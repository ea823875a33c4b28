"""Splits that know their images: cached logits are for these images and no others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgesmith import UserError
from edgesmith.input_contract import Color, plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edgesmith import Split

DIGEST_BYTES = 16


def image_digest(image: Image, color: Color) -> NDArray[np.uint8]:
    """Return a digest of an image's size and of its pixels in a colour mode, before any resizing: uint8 [16]."""
    import numpy as np

    image = plain(image, color)
    digest = hashlib.sha256(f"{image.width} {image.height} ".encode() + image.tobytes()).digest()
    return np.frombuffer(digest[:DIGEST_BYTES], np.uint8)


class Recorded:
    """A split that notes the digest of every image it gives.

    Attributes:
        digests: uint8 [N, 16]; zeros for images that were not asked for yet.
    """

    def __init__(self, split: Split, color: Color) -> None:
        import numpy as np

        self._split, self._color = split, color
        self.digests = np.zeros((len(split), DIGEST_BYTES), np.uint8)

    @property
    def labels(self) -> NDArray[np.int64]:
        """As the split has them."""
        return self._split.labels

    def __len__(self) -> int:
        return len(self._split)

    def image(self, index: int) -> Image:
        """Return an image, and note its digest."""
        image = self._split.image(index)
        self.digests[index] = image_digest(image, self._color)
        return image


@dataclass(frozen=True)
class Watched:
    """A split that gives only the images it is expected to have. It can be sent to the processes that read images.

    Attributes:
        digests: of each image, uint8 [N, 16].
        name: the dataset's, for messages.
    """

    split: Split
    digests: NDArray[np.uint8]
    color: Color
    name: str

    @property
    def labels(self) -> NDArray[np.int64]:
        """As the split has them."""
        return self.split.labels

    def __len__(self) -> int:
        return len(self.split)

    def image(self, index: int) -> Image:
        """Return an image; raise UserError unless it is the expected one."""
        image = self.split.image(index)
        if (image_digest(image, self.color) != self.digests[index]).any():
            raise UserError(
                f"image {index} of the train split of {self.name!r} is not the one that the teacher answered for",
                hint="give `teacher-logits` and `distill` the same `data`",
            )
        return image
