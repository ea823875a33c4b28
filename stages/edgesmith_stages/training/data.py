"""The data of one training: train and val of a dataset, under one input contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith import Dataset, UserError
from edgesmith_stages.training.augment import batch_mix, image_transform
from edgesmith_stages.training.examples import Examples
from edgesmith_stages.training.setting import derived_seed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract
    from edgesmith_stages.training.options import TrainingOptions

GOLDEN_IMAGES = 4


@dataclass(frozen=True)
class TrainingData:
    """Batches to train on, and the val split to score on.

    Attributes:
        batch_size: that of the options, or less where there are fewer images.
        beside: further arrays [N, ...], one row for each image of the train split; batches carry theirs.
    """

    contract: InputContract
    train: Examples
    val: Examples
    options: TrainingOptions
    batch_size: int
    beside: tuple[NDArray[np.float32], ...] = ()

    @classmethod
    def open(cls, dataset: Dataset, contract: InputContract, options: TrainingOptions) -> TrainingData:
        """Open both splits.

        Raises:
            UserError: a split has too few images, or the augmentation is unknown.
        """
        transform = image_transform(options.augment, contract) if options.augment else None
        train = Examples(dataset.split("train"), contract, transform, options.workers)
        val = Examples(dataset.split("val"), contract, None, options.workers)
        if len(train) < 2 or not len(val):
            raise UserError(
                f"the dataset {dataset.name!r} has {len(train)} images to train on and {len(val)} to score on; "
                "training needs at least 2 and 1"
            )
        size = min(options.batch_size, len(train))
        return cls(contract, train, val, options, size - size % 2 if options.mixup or options.cutmix else size)

    @property
    def steps(self) -> int:
        """Batches an epoch; images left over for an incomplete one wait for another epoch's order."""
        return len(self.train) // self.batch_size

    def epoch(self, seed: int, number: int) -> Iterator[Any]:
        """Yield the batches of one epoch.

        Args:
            seed: the run's; it and `number` alone decide order and random changes.
            number: the epoch's.

        Yields:
            Images, float32 [N, C, H, W], normalised; targets, float32 [N, classes]; the rows of each of `beside`.
        """
        import numpy as np
        import torch

        mix = batch_mix(self.options, len(self.contract.classes))
        order = np.random.default_rng([seed, number]).permutation(len(self.train))[: self.steps * self.batch_size]
        batches = self.train.batches(order.tolist(), self.batch_size, derived_seed(seed, number))
        for begin, (pixels, labels) in zip(range(0, len(order), self.batch_size), batches, strict=True):
            drawn = order[begin : begin + self.batch_size]
            mixed = mix(torch.from_numpy(self.contract.normalise(pixels)), torch.from_numpy(labels))
            yield (*mixed, *(torch.from_numpy(rows[drawn]) for rows in self.beside))

    def score(self, module: Any, device: Any, memory_format: Any) -> float:
        """Return a module's top-1 on val, in float32, preprocessed as every runtime does it."""
        import torch

        module.eval()
        hits = 0
        with torch.no_grad():
            for pixels, labels in self.val.batches(range(len(self.val)), max(self.batch_size, 32)):
                images = torch.from_numpy(self.contract.normalise(pixels))
                logits = module(images.to(device, memory_format=memory_format))
                hits += int((logits.argmax(1).cpu() == torch.from_numpy(labels)).sum())
        return hits / len(self.val)

    def golden(self) -> NDArray[np.uint8]:
        """Return a few val images, spread over the split: uint8 [N, H, W, C]."""
        count = min(GOLDEN_IMAGES, len(self.val))
        order = [index * len(self.val) // count for index in range(count)]
        pixels, _ = next(self.val.batches(order, count))
        return pixels
