"""A model that a target has loaded: what a stage may ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from edgesmith.artifacts import Model


@dataclass(frozen=True)
class Timing:
    """Latencies of single-stream runs in nanoseconds, summed up by a device's own tool.

    Attributes:
        runs: how many runs were measured.
        std: standard deviation.
        percentiles: by percent; `50` is the median. Those that the tool tells.
    """

    runs: int
    min: float
    mean: float
    max: float
    std: float
    percentiles: Mapping[int, float] = field(default_factory=dict)


class Session(Protocol):
    """A model on a target, a context manager: a `ModelProcess`, or a device's own tool.

    Attributes:
        runtime: name of what runs the model, as tables show it.
        model: the artifact.
        facts: JSON values that the target tells of itself and of loading the model: `load_ms` (cold load), and its own
            (thermal status, governor). Whole once `time` was called.
        predicts: whether `predict` works; a tool that only measures says False.
        in_turns: whether `time` may be called again and again, a few runs each, so that models take turns. Where each
            call starts anew, it is False, and all runs are asked for at once.
    """

    @property
    def runtime(self) -> str: ...
    @property
    def model(self) -> Model: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def predicts(self) -> bool: ...
    @property
    def in_turns(self) -> bool: ...

    def time(self, pixels: NDArray[np.uint8], warmup: int, runs: int) -> Sequence[int] | Timing:
        """Run single-stream, one file batch (at least one image) a run.

        Args:
            pixels: uint8 [N, H, W, C], as `InputContract.pixels` gives them; used in turn. A tool that makes its own
                inputs leaves them out.
            warmup: unmeasured runs before.
            runs: measured runs.

        Returns:
            One latency in nanoseconds per run, or what the tool sums them up to.

        Raises:
            StageFailed: the runs failed, or the device went away.
        """
        ...

    def predict(self, pixels: NDArray[np.uint8], batch: int = 32) -> NDArray[np.float32]:
        """Run the model on images, uint8 [N, H, W, C]; return float32 [N, classes]. Only where `predicts`."""
        ...

    def peak_bytes(self) -> int | None:
        """Peak memory in bytes so far; None where the target can't tell."""
        ...

    def close(self) -> None:
        """End what runs, and remove what was made for it."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
