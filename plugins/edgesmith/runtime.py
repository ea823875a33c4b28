"""Runtimes: run one kind of model artifact on arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith.artifacts import Model
    from edgesmith.stage import Toolchain


@dataclass(frozen=True)
class Tap:
    """What one operation of a model gave.

    Attributes:
        name: of the result, as the model file has it; a name that comes again is told apart by its place.
        op: the operation's type in the format's own words, e.g. `Conv`, `CONV_2D`, `conv2d`.
        value: floating point, of any shape; quantised results dequantised. It is the runtime's memory, which may be
            written over as soon as it goes on: copy what is to be kept.
    """

    name: str
    op: str
    value: NDArray[np.floating]


class Runtime:
    """Runs model files of some kinds. One instance serves one model, in a process of its own."""

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    accepts: ClassVar[tuple[type[Model], ...]] = ()
    requirements: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why this runtime can't run on this machine (wrong platform), or None. Imports nothing heavy."""
        return None

    @classmethod
    def toolchain(cls) -> Toolchain:
        """Return what its process needs; override it to resolve as of a date, or with overrides."""
        from edgesmith.stage import Toolchain

        return Toolchain(cls.requirements)

    def load(self, model: Model, threads: int) -> None:
        """Load the model file; `threads` pins the number of intra-op threads."""
        raise NotImplementedError

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run one batch.

        Args:
            batch: what the model file takes, as `InputContract.feed` gives it.

        Returns:
            float32 [N, classes], the file's first output.
        """
        raise NotImplementedError

    def timed(self, batch: NDArray[np.generic]) -> int:
        """Run one batch as `predict` does, and return how long that took, in nanoseconds.

        By default it is the wall-clock time of `predict`; a runtime whose library has a clock of its own overrides it.
        """
        begun = time.perf_counter_ns()
        self.predict(batch)
        return time.perf_counter_ns() - begun

    def facts(self) -> Mapping[str, Any]:
        """Return JSON values that the runtime tells of the model as loaded, for a benchmark's report. Optional."""
        return {}

    @classmethod
    def can_tap(cls) -> bool:
        """Tell whether the runtime shows intermediate results: whether it has a `tap` of its own."""
        return cls.tap is not Runtime.tap

    def tap(self, batch: NDArray[np.generic], see: Callable[[Tap], None]) -> None:
        """Run one batch, and show what every operation gives. Optional: `edgesmith diff` compares layers with it.

        Results that don't depend on the input (weights that are unpacked in the graph) are left out.

        Args:
            batch: as for `predict`, of a size that the file takes.
            see: called with each result, in the order in which they are computed.
        """
        raise NotImplementedError(f"{self.name} doesn't show intermediate results")
