"""How close two models' outputs are: SQNR, relative error and top-1 agreement on arrays."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edgesmith.errors import StageFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith.input_contract import InputContract
    from edgesmith.runtime import Runtime

MAX_DB = 200.0
"""What equal outputs are reported as, so that figures stay finite; outputs that aren't numbers get its negative."""

DISTORTED = (
    "the converter changed the model: fuse it first, try another option of this stage, or accept the loss with a lower "
    "`min_sqnr`"
)
"""What to try when an exporter's file is under its bar, where the stage knows nothing better."""


def sqnr_db(reference: NDArray[np.floating], outputs: NDArray[np.floating]) -> float:
    """Signal-to-quantisation-noise ratio in decibels: 10 log10(sum r^2 / sum (r - o)^2), over all elements.

    Args:
        reference: the source model's outputs, any shape.
        outputs: the derived model's, of the same shape.

    Returns:
        A finite figure within +-MAX_DB.
    """
    import numpy as np

    wanted, found = _pair(reference, outputs)
    if not np.isfinite(found).all():
        return -MAX_DB
    noise, signal = float(np.sum((wanted - found) ** 2)), float(np.sum(wanted**2))
    if noise == 0:
        return MAX_DB
    if signal == 0:
        return -MAX_DB
    return float(np.clip(10 * np.log10(signal / noise), -MAX_DB, MAX_DB))


def relative_l2(reference: NDArray[np.floating], outputs: NDArray[np.floating]) -> float:
    """Norm of the difference over the norm of the reference: 10^(-SQNR / 20)."""
    return float(10 ** (-sqnr_db(reference, outputs) / 20))


def agreement(reference: NDArray[np.floating], outputs: NDArray[np.floating]) -> float:
    """Share of rows [N, classes] whose largest element is the same, 0 to 1."""
    wanted, found = _pair(reference, outputs)
    return float((wanted.argmax(axis=1) == found.argmax(axis=1)).mean())


@dataclass(frozen=True)
class Parity:
    """A comparison of outputs [N, classes].

    Attributes:
        sqnr_db: decibels, at most MAX_DB.
        rel_l2: the same noise as a ratio of norms.
        agreement: share of equal top-1 answers, 0 to 1.
    """

    sqnr_db: float
    rel_l2: float
    agreement: float

    @classmethod
    def of(cls, reference: NDArray[np.floating], outputs: NDArray[np.floating]) -> Parity:
        """Compare outputs with a reference."""
        return cls(sqnr_db(reference, outputs), relative_l2(reference, outputs), agreement(reference, outputs))

    def figures(self) -> dict[str, float]:
        """As a stage's figures."""
        return asdict(self)

    def require(self, bar: float, what: str, hint: str = DISTORTED) -> None:
        """Raise StageFailed if the SQNR is under `bar` decibels; `what` names the model, `hint` says what to try."""
        if self.sqnr_db < bar:
            raise StageFailed(
                f"{what} does not compute what its source does: SQNR {self.sqnr_db:.1f} dB, expected at least {bar:g} "
                f"(relative L2 {self.rel_l2:.2g}, top-1 agreement {self.agreement:.3f})",
                hint=hint,
            )


def probe_images(contract: InputContract, golden: NDArray[np.uint8], seed: int, count: int = 3) -> NDArray[np.uint8]:
    """Images to compare on: the golden ones and `count` of uniform noise, uint8 [N, H, W, C]."""
    import numpy as np

    shape = (count, *contract.size, contract.channels)
    noise = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return np.concatenate([golden, noise])


def outputs_of(runtime: Runtime, contract: InputContract, pixels: NDArray[np.uint8], batch: int) -> NDArray[np.float32]:
    """Run a loaded runtime in this process on pixels uint8 [N, H, W, C], `batch` at a time: float32 [N, classes].

    The last rows are left out if they don't fill a batch.
    """
    import numpy as np

    rows = contract.feed(pixels)
    whole = len(rows) - len(rows) % batch
    return np.concatenate([runtime.predict(rows[begin : begin + batch]) for begin in range(0, whole, batch)])


def _pair(
    reference: NDArray[np.floating], outputs: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    if reference.shape != outputs.shape:
        raise ValueError(f"shapes differ: {list(reference.shape)} and {list(outputs.shape)}")
    return np.asarray(reference, np.float64), np.asarray(outputs, np.float64)
