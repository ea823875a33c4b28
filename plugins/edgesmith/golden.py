"""The golden pair: one small batch of pixels with the logits that the model gave for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith.artifacts import CONTRACT_FILE, GOLDEN_FILE, Model
from edgesmith.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith.input_contract import InputContract


def write_golden(folder: Path, pixels: NDArray[np.uint8], logits: NDArray[np.float32]) -> None:
    """Write the golden pair into a model's folder.

    Args:
        folder: the artifact folder being made.
        pixels: uint8 [N, H, W, C], preprocessed up to the crop.
        logits: float32 [N, classes], as the source model gave them.
    """
    import numpy as np
    from safetensors.numpy import save

    tensors: dict[str, NDArray[Any]] = {
        "pixels": np.ascontiguousarray(pixels, dtype=np.uint8),
        "logits": np.ascontiguousarray(logits, dtype=np.float32),
    }
    (folder / GOLDEN_FILE).write_bytes(save(tensors))


def read_golden(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Read the golden pair back: pixels uint8 [N, H, W, C], logits float32 [N, classes]."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load((folder / GOLDEN_FILE).read_bytes())
        return tensors["pixels"], tensors["logits"]
    except (OSError, KeyError, SafetensorError) as error:
        raise UserError(f"the golden pair in {folder} cannot be read: {error}") from error


def carry(source: Model, folder: Path, contract: InputContract | None = None) -> None:
    """Give a derived model its source's golden pair and (possibly changed) contract.

    The logits stay those of the source: they are what the derived model is compared with.
    """
    (folder / GOLDEN_FILE).write_bytes((source.path / GOLDEN_FILE).read_bytes())
    (contract or source.contract).write(folder / CONTRACT_FILE)
