"""The `digits` dataset: real handwritten digits that need no download."""

from __future__ import annotations

import gzip
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field

from edgesmith import Dataset, UserError
from edgesmith.dataset import Digester, SplitName
from edgesmith_stages.datasets.arrays import ArraySplit
from edgesmith_stages.datasets.stratify import stratify


class Digits(Dataset):
    """1,797 grey images of handwritten digits, 8 x 8 pixels, in ten classes.

    They are the test set of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998), read from
    the file that scikit-learn carries for `load_digits`; scikit-learn itself is not imported, which saves a second.
    """

    name = "digits"
    requirements = ("scikit-learn>=1.4", "numpy>=2", "pillow")
    classes = tuple("0123456789")

    class Params(Dataset.Params):
        """How to split."""

        val_fraction: float = Field(default=0.2, gt=0, lt=1, description="share of each class that is held out")
        seed: int = Field(default=0, description="of the split")

    def check(self) -> None:
        """Raise UserError if scikit-learn, which carries the images, is not installed."""
        _ = self._file

    def count(self, split: SplitName) -> int:
        """Number of images in a split."""
        return len(self._indices(split))

    def fingerprint(self, digest: Digester) -> Any:
        """The images' file and the split."""
        return {"file": digest(self._file), "split": self.params.model_dump(mode="json")}

    def split(self, name: SplitName) -> ArraySplit:
        """Open a split: images of mode L, 0 (paper) to 255 (ink)."""
        import numpy as np

        table = np.loadtxt(self._lines, delimiter=",", dtype=np.int64)[self._indices(name)]
        images = np.round(table[:, :-1] * (255 / 16)).astype(np.uint8)
        return ArraySplit(images.reshape(-1, 8, 8), table[:, -1].copy())

    @cached_property
    def _file(self) -> Path:
        spec = find_spec("sklearn")
        for folder in spec.submodule_search_locations or () if spec else ():
            file = Path(folder, "datasets", "data", "digits.csv.gz")
            if file.is_file():
                return file
        raise UserError(
            "the dataset 'digits' is read from scikit-learn's data files, which are not installed here",
            hint="`uv pip install scikit-learn`, or name another dataset",
        )

    @cached_property
    def _lines(self) -> list[str]:
        with gzip.open(self._file, "rt", encoding="ascii") as stream:
            return stream.read().split()

    def _indices(self, name: SplitName) -> list[int]:
        labels = [int(line.rpartition(",")[2]) for line in self._lines]
        return stratify(labels, self.params.val_fraction, self.params.seed)[name == "val"]
