"""The golden files of a bundle: images, the tensor that the file takes for them, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract

FOLDER = "golden"
PIXELS, INPUT, OUTPUT = (f"{FOLDER}/{name}.bin" for name in ("pixels", "input", "expected"))


def write(
    folder: Path, pixels: NDArray[np.uint8], rows: NDArray[np.generic], outputs: NDArray[np.float32]
) -> dict[str, Any]:
    """Write the golden files; return what `preprocess.json` says of them.

    Args:
        folder: of the bundle.
        pixels: cropped images, uint8 [N, H, W, C].
        rows: what the model file takes for them, [N, ...].
        outputs: what it answers, float32 [N, classes].
    """
    (folder / FOLDER).mkdir()
    names = [f"{FOLDER}/image-{place}.png" for place in range(len(pixels))]
    for name, image in zip(names, pixels, strict=True):
        _write_png(folder / name, image)
    arrays = {"pixels": (PIXELS, pixels), "input": (INPUT, rows), "output": (OUTPUT, outputs)}
    return {"images": names, **{key: _write_raw(folder, *array) for key, array in arrays.items()}}


def _write_png(file: Path, image: NDArray[np.uint8]) -> None:
    from PIL import Image

    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(file, "PNG")


def _write_raw(folder: Path, file: str, array: NDArray[Any]) -> dict[str, Any]:
    (folder / file).write_bytes(array.astype(array.dtype.newbyteorder("<")).tobytes("C"))
    return {"file": file, "dtype": array.dtype.name, "shape": list(array.shape), "byte_order": "little"}


def mistakes(contract: InputContract, pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.uint8]]:
    """Return images as an app that makes a mistake would feed them, uint8 [N, H, W, C] by the mistake's name.

    A normalisation left out is told by the pixels that would, normalised, be its result, as near as eight bits allow.
    """
    import numpy as np

    made = {
        "rotated": np.rot90(pixels, 2, axes=(1, 2)),
        "mirrored": pixels[:, :, ::-1],
        "scaled": pixels // 255,
    }
    if contract.channels == 3:
        made["swapped_channels"] = pixels[..., ::-1]
    if contract.normalised_by == "host":
        raw = pixels.astype(np.float64) * contract.std + 255 * np.asarray(contract.mean)
        made["not_normalised"] = np.clip(np.rint(raw), 0, 255).astype(np.uint8)
    return {name: np.ascontiguousarray(one) for name, one in made.items()}
