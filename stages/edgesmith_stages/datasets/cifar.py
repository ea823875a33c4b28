"""CIFAR-10 and CIFAR-100, through torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from edgesmith import Dataset, UserError
from edgesmith.dataset import Digester, SplitName
from edgesmith.loading import load_object
from edgesmith_stages.datasets.arrays import ArraySplit

if TYPE_CHECKING:
    from edgesmith import Split

_TIMEOUT = 20.0


class Cifar10(Dataset):
    """60,000 RGB images of 32 x 32 pixels in ten classes (Krizhevsky, 2009); val is the official test set.

    Class attributes:
        source: torchvision's class, which knows the address and the checksums of every file. The files hold pickles;
            torchvision compares the checksums before it reads them.
        folder: where that class unpacks the archive, below `root`.
        archive_md5: names the content for the key, so that planning needn't read the files.
        counts: images by split.
    """

    name = "cifar10"
    requirements = ("torchvision", "numpy>=2", "pillow")
    source: ClassVar[str] = "torchvision.datasets:CIFAR10"
    folder: ClassVar[str] = "cifar-10-batches-py"
    archive_md5: ClassVar[str] = "c58f30108f718f92721af3b95e74349a"
    counts: ClassVar[dict[str, int]] = {"train": 50_000, "val": 10_000}

    class Params(Dataset.Params):
        """Where the files are."""

        root: str = Field(default="~/.cache/edgesmith/datasets", description="folder that holds the unpacked archive")
        download: bool = Field(default=True, description="download what is missing")

    def check(self) -> None:
        """Raise UserError if the files are missing and may not be downloaded."""
        if not self.params.download and not (self._root / self.folder).is_dir():
            raise UserError(
                f"{self.name}: there is no folder {self.folder!r} in {self._root}",
                hint="set `download: true`, or `root` to the folder that holds it",
            )

    def count(self, split: SplitName) -> int:
        """Number of images in a split."""
        return self.counts[split]

    def fingerprint(self, digest: Digester) -> Any:
        """The archive's checksum, which torchvision holds the files against."""
        return {"archive": self.archive_md5}

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, from the files."""
        return tuple(self._open(train=False).classes)

    def split(self, name: SplitName) -> Split:
        """Open a split; raise UserError if the files can't be had."""
        import numpy as np

        opened = self._open(train=name == "train")
        return ArraySplit(opened.data, np.asarray(opened.targets, dtype=np.int64))

    @property
    def _root(self) -> Path:
        return Path(self.params.root).expanduser()

    def _open(self, train: bool) -> Any:
        import socket

        source = load_object(self.source)
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(_TIMEOUT)
        try:
            return source(self._root, train=train, download=self.params.download)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"{self.name}: the files in {self._root / self.folder} are missing or damaged"
                + (f", and {source.url} can't be downloaded: {error}" if self.params.download else ""),
                hint=f"download {source.url} elsewhere, unpack it in {self._root} and set `download: false`"
                if self.params.download
                else "set `download: true` to have them downloaded",
            ) from error
        finally:
            socket.setdefaulttimeout(before)


class Cifar100(Cifar10):
    """60,000 RGB images of 32 x 32 pixels in a hundred classes (Krizhevsky, 2009); val is the official test set."""

    name = "cifar100"
    source = "torchvision.datasets:CIFAR100"
    folder = "cifar-100-python"
    archive_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
