"""The `random` dataset: noise, to measure latency with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgesmith import Dataset
from edgesmith.dataset import Digester, SplitName
from edgesmith_stages.datasets.arrays import ArraySplit

if TYPE_CHECKING:
    from edgesmith import Split


class RandomImages(Dataset):
    """Seeded RGB noise without labels: nothing can be trained or scored on it."""

    name = "random"
    requirements = ("numpy>=2", "pillow")
    classes = ()

    class Params(Dataset.Params):
        """How much noise."""

        images: int = Field(default=64, ge=1, description="images in each split")
        size: int = Field(default=256, ge=1, description="height and width in pixels, before the model's own resize")
        seed: int = Field(default=0, description="of the noise")

    def count(self, split: SplitName) -> int:
        """Number of images in a split."""
        return int(self.params.images)

    def fingerprint(self, digest: Digester) -> Any:
        """The params are all there is."""
        return self.params.model_dump(mode="json")

    def split(self, name: SplitName) -> Split:
        """Draw a split; every label is -1."""
        import numpy as np

        draw = np.random.default_rng([self.params.seed, name == "val"])
        shape = (self.params.images, self.params.size, self.params.size, 3)
        labels = np.full(self.params.images, -1, dtype=np.int64)
        return ArraySplit(draw.integers(0, 256, shape, dtype=np.uint8), labels)
