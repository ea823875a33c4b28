"""The artifact kind `teacher-logits`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edgesmith import Artifact, InputContract, UserError
from edgesmith.artifacts import CONTRACT_FILE

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

LOGITS_FILE = "logits.safetensors"


@dataclass(frozen=True)
class Answers:
    """What a teacher says of each image of a train split.

    Attributes:
        logits: float32 [N, classes].
        images: a digest of each image, uint8 [N, 16] (see `watch.image_digest`).
        labels: int64 [N], as the dataset has them.
    """

    logits: NDArray[np.float32]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def write(self, folder: Path) -> None:
        """Write `logits.safetensors`."""
        from safetensors.numpy import save

        tensors: dict[str, NDArray[Any]] = {"logits": self.logits, "images": self.images, "labels": self.labels}
        (folder / LOGITS_FILE).write_bytes(save(tensors))


@dataclass(frozen=True)
class TeacherLogits(Artifact):
    """A teacher's logits for every image of a dataset's train split, as it is without augmentation.

    `logits.safetensors` holds them, with a digest of each image and the labels; `contract.json` says how the teacher
    saw the images.
    """

    kind = "teacher-logits"

    @cached_property
    def contract(self) -> InputContract:
        """The teacher's input contract, as a plain network's: NCHW, float32, normalised by the host, logits."""
        return InputContract.read(self.path / CONTRACT_FILE)

    def read(self) -> Answers:
        """Return what is in `logits.safetensors`; raise UserError if it is missing or damaged."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        file = self.path / LOGITS_FILE
        try:
            return Answers(**load(file.read_bytes()))
        except (OSError, SafetensorError, TypeError) as error:
            raise UserError(f"the teacher's logits in {file} cannot be read: {error}") from error


def plain(contract: InputContract) -> InputContract:
    """Return the contract of a plain network that sees images as this model file does."""
    file = {"layout": "NCHW", "dtype": "float32", "normalised_by": "host", "output": "logits", "batch": None}
    return contract.model_copy(update=file)
