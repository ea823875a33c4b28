"""How close two models' outputs are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edgesmith import StageFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract

MAX_DB = 200.0
"""What equal outputs are reported as; outputs that aren't numbers get its negative."""


@dataclass(frozen=True)
class Parity:
    """A comparison of outputs [N, classes] with a reference's.

    Attributes:
        sqnr_db: signal-to-quantisation-noise ratio, 10 log10(sum r^2 / sum (r - o)^2), within +-MAX_DB.
        rel_l2: the same noise as a ratio of norms.
        agreement: share of rows whose largest element is the same, 0 to 1.
    """

    sqnr_db: float
    rel_l2: float
    agreement: float

    @classmethod
    def of(cls, reference: NDArray[np.float32], outputs: NDArray[np.float32]) -> Parity:
        """Compare; raise StageFailed if the shapes differ."""
        import numpy as np

        if reference.shape != outputs.shape:
            raise StageFailed(
                f"the model gives outputs of shape {list(outputs.shape)}, its source {list(reference.shape)}"
            )
        wanted, found = reference.astype(np.float64), outputs.astype(np.float64)
        noise, signal = float(np.sum((wanted - found) ** 2)), float(np.sum(wanted**2))
        sqnr = -MAX_DB
        if noise == 0:
            sqnr = MAX_DB
        elif np.isfinite(noise) and signal > 0:
            sqnr = float(np.clip(10 * np.log10(signal / noise), -MAX_DB, MAX_DB))
        same = wanted.argmax(axis=1) == found.argmax(axis=1)
        return cls(sqnr, float(10 ** (-sqnr / 20)), float(same.mean()))

    def figures(self) -> dict[str, float]:
        """As a stage's figures."""
        return asdict(self)

    def require(self, bar: float, what: str) -> None:
        """Raise StageFailed if the SQNR is under `bar` decibels; `what` names the model."""
        if self.sqnr_db < bar:
            raise StageFailed(
                f"{what} does not compute what its source does: SQNR {self.sqnr_db:.1f} dB, expected at least {bar:g} "
                f"(relative L2 {self.rel_l2:.2g}, top-1 agreement {self.agreement:.3f})",
                hint="try another option of this stage, or accept the loss with a lower `min_sqnr`",
            )


def probe_images(contract: InputContract, golden: NDArray[np.uint8], seed: int, count: int = 3) -> NDArray[np.uint8]:
    """Images to compare on: the golden ones and `count` of uniform noise, uint8 [N, H, W, C]."""
    import numpy as np

    shape = (count, *contract.size, contract.channels)
    return np.concatenate([golden, np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)])
