"""The `folder` dataset: images in one folder per class."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgesmith import Dataset, UserError
from edgesmith.dataset import Digester, SplitName
from edgesmith_stages.datasets.image_tree import FileSplit, class_folders
from edgesmith_stages.datasets.stratify import stratify

if TYPE_CHECKING:
    from edgesmith import Split

Example = tuple[Path, int]


class Folder(Dataset):
    """Images in `path/CLASS/`, split here, or in `path/train/CLASS/` and `path/val/CLASS/`.

    Classes are the folders' names in alphabetical order. Without a `val` folder, a seeded share of every class is held
    out for val.
    """

    name = "folder"
    requirements = ("numpy>=2", "pillow")

    class Params(Dataset.Params):
        """Where the images are, and how to split them."""

        path: str = Field(description="folder, relative to the working directory")
        val_fraction: float = Field(
            default=0.2, gt=0, lt=1, description="share of each class that is held out, where there is no val folder"
        )
        seed: int = Field(default=0, description="of that split")

    def check(self) -> None:
        """Raise UserError for a missing or empty folder, a class of no images, one class only, or an empty split."""
        if not self._root.is_dir():
            raise UserError(
                f"the folder {str(self._root)!r} {'is a file' if self._root.exists() else 'does not exist'}",
                hint=f"it is looked for in {Path.cwd()}" if not self._root.is_absolute() else None,
            )
        if len(self.classes) < 2:
            raise UserError(
                f"{self._root} holds images of one class only ({self.classes[0]!r}); a classifier needs two or more"
            )
        for name in ("train", "val"):
            if not self._splits[name]:
                raise UserError(
                    f"{self._root}: no image is left for {name}", hint="every class needs two images or more"
                )

    def count(self, split: SplitName) -> int:
        """Number of images in a split."""
        return len(self._splits[split])

    def fingerprint(self, digest: Digester) -> Any:
        """Each split's files: name below `path`, and content."""
        return {
            split: [[file.relative_to(self._root).as_posix(), digest(file)] for file, _ in examples]
            for split, examples in self._splits.items()
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the class folders, in alphabetical order."""
        return tuple(self._train_folders)

    def split(self, name: SplitName) -> Split:
        """Open a split."""
        import numpy as np

        examples = self._splits[name]
        labels = np.asarray([label for _, label in examples], dtype=np.int64)
        return FileSplit(tuple(file for file, _ in examples), labels)

    @property
    def _root(self) -> Path:
        return Path(self.params.path).expanduser()

    @cached_property
    def _train_folders(self) -> dict[str, tuple[Path, ...]]:
        train = self._root / "train"
        return class_folders(train if train.is_dir() else self._root)

    @cached_property
    def _splits(self) -> dict[str, list[Example]]:
        train = _examples(self._train_folders, self.classes)
        if not (self._root / "train").is_dir() or not (self._root / "val").is_dir():
            kept, held_out = stratify([label for _, label in train], self.params.val_fraction, self.params.seed)
            return {"train": [train[i] for i in kept], "val": [train[i] for i in held_out]}
        folders = class_folders(self._root / "val")
        strange = sorted(set(folders) - set(self.classes))
        if strange:
            raise UserError(
                f"{self._root / 'val'} holds classes that {self._root / 'train'} does not: {', '.join(strange[:5])}",
                hint=f"the classes in train are {', '.join(self.classes[:20])}",
            )
        return {"train": train, "val": _examples(folders, self.classes)}


def _examples(folders: dict[str, tuple[Path, ...]], classes: tuple[str, ...]) -> list[Example]:
    return [(file, classes.index(name)) for name, files in folders.items() for file in files]
