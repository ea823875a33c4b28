"""Datasets: named, fingerprinted, with train and val splits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

SplitName = Literal["train", "val"]
Digester = Callable[[Path], str]


class Split(Protocol):
    """One split: images by index, and all labels at once."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, int64 [N]; all -1 where the dataset has no labels."""
        ...

    def __len__(self) -> int: ...

    def image(self, index: int) -> Image:
        """Return image `index` as the dataset holds it, before any preprocessing."""
        ...


class Dataset:
    """A dataset plugin. Planning calls `check`, `count` and `fingerprint`; they import nothing heavy."""

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    requirements: ClassVar[tuple[str, ...]] = ()

    class Params(BaseModel):
        """The dataset's params; subclass to add some."""

        model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def __init__(self, params: Any) -> None:
        self.params = params

    def check(self) -> None:
        """Raise UserError for what can be seen to be wrong before the run: no folder, no image, one class."""

    def count(self, split: SplitName) -> int | None:
        """Number of images in a split, or None where it isn't known before the run."""
        return None

    def fingerprint(self, digest: Digester) -> Any:
        """Return a JSON value that changes when, and only when, what `split` and `classes` give may change.

        Args:
            digest: gives a file's content digest, remembered while the file's stat is unchanged.
        """
        raise NotImplementedError

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order; empty where there are no labels."""
        raise NotImplementedError

    def split(self, name: SplitName) -> Split:
        """Open a split."""
        raise NotImplementedError
