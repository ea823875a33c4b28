"""Images of a split in the order that training asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from edgesmith import EdgesmithError
from edgesmith_stages.training.setting import drawing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract, Split
    from edgesmith_stages.training.augment import Transform

CACHE_BYTES = 2**30


@dataclass(frozen=True)
class Examples:
    """A split's images as pixels, uint8 [H, W, C].

    Without a transform, images that fit in `CACHE_BYTES` are preprocessed once and kept.

    Attributes:
        transform: random; what it draws depends on the seed given and the image's index, never on the order of
            images or the number of workers.
        workers: processes that read images.
    """

    split: Split
    contract: InputContract
    transform: Transform | None = None
    workers: int = 0

    def __len__(self) -> int:
        return len(self.split)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, int64 [N]."""
        return self.split.labels

    def batches(
        self, order: Sequence[int], size: int, seed: int = 0
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Yield pixels, uint8 [n, H, W, C], and labels, int64 [n], in batches of `size` (the last may be smaller)."""
        import numpy as np

        chunks = [np.asarray(order[begin : begin + size]) for begin in range(0, len(order), size)]
        for chunk, pixels in zip(chunks, self._pixels(chunks, seed), strict=True):
            yield pixels, self.labels[chunk]

    def _pixels(self, chunks: list[NDArray[np.int64]], seed: int) -> Iterator[NDArray[np.uint8]]:
        import numpy as np

        if self.transform is None and self._bytes <= CACHE_BYTES:
            for chunk in chunks:
                yield self._cached[chunk]
            return
        source = _Drawn(self, seed)
        if not self.workers:
            for chunk in chunks:
                yield np.stack([source.read(int(index)) for index in chunk])
            return
        import torch
        from torch.utils.data import DataLoader

        loader = DataLoader(
            source,
            batch_sampler=[[int(index) for index in chunk] for chunk in chunks],
            num_workers=self.workers,
            collate_fn=list,
            # A generator of its own, so that the global one doesn't depend on whether there are workers.
            generator=torch.Generator(),
        )
        for images in loader:
            yield np.stack([_raised(image) for image in images])

    @property
    def _bytes(self) -> int:
        height, width = self.contract.size
        return len(self) * height * width * self.contract.channels

    @cached_property
    def _cached(self) -> NDArray[np.uint8]:
        return self.contract.pixels(self.split.image(index) for index in range(len(self)))


@dataclass(frozen=True)
class _Drawn:
    """One epoch's images, for torch's DataLoader. Errors travel as values: raised, they would arrive as tracebacks."""

    examples: Examples
    seed: int

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> NDArray[np.uint8] | EdgesmithError:
        try:
            return self.read(index)
        except EdgesmithError as error:
            return error

    def read(self, index: int) -> NDArray[np.uint8]:
        image = self.examples.split.image(index)
        pixels: NDArray[np.uint8]
        if self.examples.transform is None:
            (pixels,) = self.examples.contract.pixels([image])
            return pixels
        with drawing(self.seed, index):
            pixels = self.examples.transform(image)
        return pixels


def _raised(image: NDArray[np.uint8] | EdgesmithError) -> NDArray[np.uint8]:
    if isinstance(image, EdgesmithError):
        raise image
    return image
