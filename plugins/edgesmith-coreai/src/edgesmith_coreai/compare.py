"""How close a file's outputs are to its source's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesmith import StageFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract, Runtime

MAX_DB = 200.0
"""What equal outputs are reported as, so that figures stay finite."""


def compare(reference: NDArray[np.float32], outputs: NDArray[np.float32]) -> dict[str, float]:
    """Compare outputs [N, classes] with a reference.

    Returns:
        `sqnr_db`, signal over noise power over all elements in decibels, and `agreement`, the share of rows whose
        largest element is the same.
    """
    import numpy as np

    wanted, found = reference.astype(np.float64), outputs.astype(np.float64)
    signal, noise = float((wanted**2).sum()), float(((wanted - found) ** 2).sum())
    same = float((wanted.argmax(1) == found.argmax(1)).mean())
    if not np.isfinite(noise) or (signal == 0 and noise > 0):
        return {"sqnr_db": -MAX_DB, "agreement": same}
    level = 10 * np.log10(signal / noise) if noise else MAX_DB
    return {"sqnr_db": float(np.clip(level, -MAX_DB, MAX_DB)), "agreement": same}


def require(figures: dict[str, float], bar: float) -> None:
    """Raise StageFailed if the SQNR is under `bar` decibels."""
    if figures["sqnr_db"] < bar:
        raise StageFailed(
            f"the Core AI package does not compute what its source does: SQNR {figures['sqnr_db']:.1f} dB, expected at "
            f"least {bar:g} (top-1 agreement {figures['agreement']:.3f})",
            hint="take `precision: fp32`, or accept the loss with a lower `min_sqnr`",
        )


def probe_images(contract: InputContract, golden: NDArray[np.uint8], seed: int, count: int = 3) -> NDArray[np.uint8]:
    """Images to compare on: the golden ones and `count` of uniform noise, uint8 [N, H, W, C]."""
    import numpy as np

    shape = (count, *contract.size, contract.channels)
    return np.concatenate([golden, np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)])


def outputs_of(runtime: Runtime, contract: InputContract, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run a loaded runtime on pixels uint8 [N, H, W, C], one image at a time: float32 [N, classes]."""
    import numpy as np

    rows = contract.feed(pixels)
    return np.concatenate([runtime.predict(rows[i : i + 1]) for i in range(len(rows))])
