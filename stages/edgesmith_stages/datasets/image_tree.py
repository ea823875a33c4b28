"""Image files sorted into class folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgesmith import UserError
from edgesmith.input_contract import UNRANGED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

EXTENSIONS = (".bmp", ".jfif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

UNREAD = (".arw", ".avif", ".cr2", ".dng", ".gif", ".heic", ".heif", ".jp2", ".jxl", ".nef", ".psd", ".svg", ".tga")
"""Images that are left out, as files that end otherwise are."""


@dataclass(frozen=True)
class FileSplit:
    """One split of a dataset (see `edgesmith.Split`): images are read when asked for.

    Attributes:
        files: one path per image.
        labels: int64 [N].
    """

    files: tuple[Path, ...]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int) -> Image:
        """Read one image, turned upright as its EXIF data say.

        Raises:
            UserError: it can't be read, or its values mean no colour; with the file's name.
        """
        from PIL import Image

        file = self.files[index]
        try:
            with Image.open(file) as opened:
                opened.load()
                image = _upright(opened)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise UserError(
                f"{file} can't be read as an image: {error}", hint="repair the file, or take it out of the folder"
            ) from error
        if image.mode in UNRANGED:
            raise UserError(
                f"{file} holds {'32-bit integers' if image.mode == 'I' else 'floats'}, whose range no file tells",
                hint="save it with 8 or 16 bits a channel, or take it out of the folder",
            )
        return image


def _upright(image: Image) -> Image:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # EXIF data are often damaged, and whatever Pillow then raises, the pixels are fine
        return image.copy()


def class_folders(root: Path) -> dict[str, tuple[Path, ...]]:
    """Return the image files below each class folder of `root`, classes and files in order of their names.

    Raises:
        UserError: `root` isn't a readable folder, or holds no class folders, or one of them holds no image.
    """
    found = {folder.name: _images(folder) for folder in subfolders(root)}
    if not found:
        loose = sum(1 for one in root.iterdir() if one.suffix.lower() in EXTENSIONS)
        raise UserError(
            f"{root} holds {f'{loose} images but ' if loose else ''}no class folders",
            hint="expected one folder per class, each with its images (CLASS/image.png)",
        )
    empty = [name for name, files in found.items() if not files]
    if empty:
        raise UserError(
            f"{root}: no images in {', '.join(empty[:5])}{' and more' if len(empty) > 5 else ''}",
            hint=f"images are files that end in {', '.join(EXTENSIONS)}; take empty class folders away",
        )
    return found


def subfolders(root: Path) -> list[Path]:
    """Return the folders in `root`, but for hidden ones, in order; raise UserError if it isn't a readable folder."""
    try:
        return sorted(one for one in root.iterdir() if one.is_dir() and not one.name.startswith("."))
    except OSError as error:
        raise UserError(f"{root} can't be read as a folder: {error.strerror or error}") from error


def holds_images(folder: Path) -> bool:
    """Tell whether there is an image file somewhere below a folder."""
    return any(_files(folder, EXTENSIONS))


def unread_images(root: Path) -> list[Path]:
    """Return the images below each class folder of `root` that are left out because nothing here reads their format."""
    return [file for folder in subfolders(root) for file in sorted(_files(folder, UNREAD))]


def _images(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(_files(folder, EXTENSIONS)))


def _files(folder: Path, extensions: tuple[str, ...]) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.suffix.lower() in extensions and not file.name.startswith(".") and file.is_file():
            yield file
