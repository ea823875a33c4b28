"""The `folder` dataset: images in one folder per class."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgesmith import Dataset, UserError
from edgesmith.dataset import Digester, SplitName
from edgesmith_stages.datasets.image_tree import FileSplit, class_folders, unread_images
from edgesmith_stages.datasets.layout import Layout, layout_of
from edgesmith_stages.datasets.stratify import stratify

if TYPE_CHECKING:
    from edgesmith import Split

Example = tuple[Path, int]

STAGE_LOG = "edgesmith.stage"
"""The log of the node that reads the dataset; a dataset is not given a context."""


class Folder(Dataset):
    """Images in `path/CLASS/`, split here, or in `path/train/CLASS/` and `path/val/CLASS/`.

    Classes are the folders' names in alphabetical order. `training` is another name of `train`; `valid` and
    `validation` of `val`, and `test` where there is neither; upper or lower case makes no difference. Without such a
    folder, a seeded share of every class is held out for val.
    """

    name = "folder"
    requirements = ("numpy>=2", "pillow")

    class Params(Dataset.Params):
        """Where the images are, and how to split them."""

        path: str = Field(description="folder, relative to the working directory")
        val_fraction: float = Field(
            default=0.2,
            gt=0,
            lt=1,
            description="share of each class that is held out, where there is no folder for val",
        )
        seed: int = Field(default=0, description="of that split")

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self._warned = False

    def check(self) -> None:
        """Raise UserError for a missing or empty folder, a class of no images, one class only, or an empty split.

        So it does for folders that may be splits or classes (see `layout_of`).
        """
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

        self._warn()
        examples = self._splits[name]
        labels = np.asarray([label for _, label in examples], dtype=np.int64)
        return FileSplit(tuple(file for file, _ in examples), labels)

    @property
    def _root(self) -> Path:
        return Path(self.params.path).expanduser()

    @cached_property
    def _layout(self) -> Layout:
        return layout_of(self._root)

    @cached_property
    def _train_folders(self) -> dict[str, tuple[Path, ...]]:
        return class_folders(self._layout.train)

    @cached_property
    def _splits(self) -> dict[str, list[Example]]:
        train, layout = _examples(self._train_folders, self.classes), self._layout
        if layout.val is None:
            kept, held_out = stratify([label for _, label in train], self.params.val_fraction, self.params.seed)
            return {"train": [train[i] for i in kept], "val": [train[i] for i in held_out]}
        folders = class_folders(layout.val)
        strange = sorted(set(folders) - set(self.classes))
        if strange:
            raise UserError(
                f"{layout.val} holds classes that {layout.train} does not: {', '.join(strange[:5])}",
                hint=f"the classes in {layout.train.name} are {', '.join(self.classes[:20])}",
            )
        return {"train": train, "val": _examples(folders, self.classes)}

    def _warn(self) -> None:
        """Tell once, in the node's log, of images that no split holds."""
        if self._warned:
            return
        self._warned = True
        folders = [self._layout.train, *([self._layout.val] if self._layout.val else [])]
        unread = [file for folder in folders for file in unread_images(folder)]
        if unread:
            kinds = ", ".join(sorted({file.suffix.lower() for file in unread}))
            logging.getLogger(STAGE_LOG).warning(
                "images left out of %s, because %s can't be read: %d (the first: %s); convert them to JPEG or PNG",
                self._root,
                kinds,
                len(unread),
                unread[0].relative_to(self._root),
            )


def _examples(folders: dict[str, tuple[Path, ...]], classes: tuple[str, ...]) -> list[Example]:
    return [(file, classes.index(name)) for name, files in folders.items() for file in files]
