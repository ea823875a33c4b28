"""Runtimes: run one kind of model artifact on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith.artifacts import Model


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
