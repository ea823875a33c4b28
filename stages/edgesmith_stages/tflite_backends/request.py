"""What a backend is asked to make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Context, InputContract, TorchModel

Scheme = Literal["float", "fp16", "dynamic-int8", "int8"]


@dataclass(frozen=True)
class Request:
    """One export.

    Attributes:
        source: the torch artifact.
        contract: the file's input contract.
        file: where to write.
        scheme: what weights and activations become.
        calibration: for `int8`, images as uint8 [N, H, W, C].
    """

    ctx: Context
    source: TorchModel
    contract: InputContract
    file: Path
    scheme: Scheme = "float"
    calibration: NDArray[np.uint8] | None = None
