"""The input contract: how an image becomes a model's input, the same in training and in every runtime."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from edgesmith.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Color = Literal["RGB", "L"]
Resample = Literal["nearest", "bilinear", "bicubic", "lanczos"]

UNRANGED = ("I", "F")
"""Pillow's modes whose values, 32-bit integers and floats, have no range that a file tells."""


class InputContract(BaseModel):
    """Everything a program needs to feed a model and to read its answer.

    Preprocessing is: lay what is transparent on white; convert to `color` (see `plain`); resize the shorter side to
    `round(size / crop_fraction)`; centre-crop to `size`; divide by 255; subtract `mean`, divide by `std` (per channel,
    in units of the 0..1 range).

    `layout`, `dtype` and `normalised_by` describe the model *file*: an exporter that folds the normalisation into the
    graph sets `normalised_by="model"`, and the file is then fed raw 0..255 pixel values in `dtype`.

    Attributes:
        size: (height, width) of the model's input in pixels.
        channels: 3 for RGB, 1 for L.
        classes: one name per logit, in order.
        output: what the file's output holds: logits, or probabilities where a softmax was appended.
        batch: the batch sizes that the file takes: a fixed number, or None for any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    size: tuple[int, int]
    channels: Literal[1, 3] = 3
    color: Color = "RGB"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    classes: tuple[str, ...] = ()
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    dtype: Literal["float32", "float16", "uint8", "int8"] = "float32"
    normalised_by: Literal["host", "model"] = "host"
    output: Literal["logits", "probabilities"] = "logits"
    batch: int | None = None

    @model_validator(mode="after")
    def _check(self) -> InputContract:
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ValueError(f"mean and std need {self.channels} values, one per channel")
        if min(self.std) <= 0:
            raise ValueError("std must be positive")
        if min(self.size) <= 0 or not 0 < self.crop_fraction <= 1:
            raise ValueError("size must be positive and crop_fraction in (0, 1]")
        return self

    @classmethod
    def read(cls, file: Path) -> InputContract:
        """Read a contract from its JSON file; raise UserError if it is missing or not a contract."""
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise UserError(f"{file} is not an input contract: {error}") from error

    def write(self, file: Path) -> None:
        """Write the contract as JSON with a fixed layout, so that equal contracts are equal bytes."""
        file.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def pixels(self, images: Iterable[Image]) -> NDArray[np.uint8]:
        """Convert, resize and centre-crop images, one at a time: an iterator need hold no more than one of them.

        Returns:
            uint8 array [N, H, W, C].

        Raises:
            UserError: an image has pixels that mean no colour (see `plain`).
        """
        import numpy as np

        row = np.dtype((np.uint8, (*self.size, self.channels)))
        count = len(images) if isinstance(images, Sized) else -1
        return np.fromiter((self._one(image) for image in images), row, count)

    def _one(self, image: Image) -> NDArray[np.uint8]:
        import numpy as np
        from PIL.Image import Resampling

        height, width = self.size
        image = plain(image, self.color)
        scale = max(round(height / self.crop_fraction) / image.height, round(width / self.crop_fraction) / image.width)
        target = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
        if image.size != target:
            image = image.resize(target, Resampling[self.resample.upper()])
        left, top = (image.width - width) // 2, (image.height - height) // 2
        array = np.asarray(image.crop((left, top, left + width, top + height)), dtype=np.uint8)
        return array[:, :, None] if array.ndim == 2 else array

    def normalise(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn pixels uint8 [N, H, W, C] into the network's own input, float32 [N, C, H, W]."""
        import numpy as np

        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        scaled = (pixels.astype(np.float32) / np.float32(255) - mean) / std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)

    def feed(self, pixels: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Turn pixels uint8 [N, H, W, C] into what the model *file* takes: its layout, dtype and normalisation."""
        import numpy as np

        if self.normalised_by == "model":
            array: NDArray[np.generic] = pixels if self.layout == "NHWC" else pixels.transpose(0, 3, 1, 2)
        else:
            array = self.normalise(pixels)
            if self.layout == "NHWC":
                array = array.transpose(0, 2, 3, 1)
        if self.dtype == "int8" and self.normalised_by == "model":
            array = array.astype(np.int16) - 128
        return np.ascontiguousarray(array.astype(self.dtype, copy=False))


def plain(image: Image, color: Color) -> Image:
    """Return an image with 8 bits a channel and nothing transparent.

    Pillow's own `convert` clips grey of 16 bits at 255, and shows the colours behind what is transparent, which nobody
    has seen.

    Raises:
        UserError: its pixels are 32-bit integers or floats, whose range no file tells.
    """
    if image.mode.startswith("I;16"):
        import numpy as np
        from PIL.Image import fromarray

        image = fromarray(np.round(np.asarray(image).astype(np.float32) / 257).astype(np.uint8))
    if image.mode in UNRANGED:
        raise UserError(
            f"the values of an image of mode {image.mode} (32 bits) have no certain range",
            hint="save it with 8 or 16 bits a channel",
        )
    if image.has_transparency_data:
        from PIL.Image import alpha_composite, new

        image = alpha_composite(new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert(color)
