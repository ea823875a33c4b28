"""The runtime `coreai`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from edgesmith import Runtime, Toolchain, UserError
from edgesmith_coreai.model import COREAI, FUNCTION, INPUT, OUTPUT, RESOLVED, CoreAIModel
from edgesmith_coreai.package import require_intact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model


class CoreAIRuntime(Runtime):
    """Core AI's portable runtime on the CPU, on Linux and macOS.

    It runs one operator after the other, with plain kernels: what it computes is what a device computes, how long it
    takes says nothing about one. It has no setting for threads, and uses one at a time.
    """

    name = "coreai"
    accepts = (CoreAIModel,)
    requirements = COREAI

    @classmethod
    def toolchain(cls) -> Toolchain:
        """As of a date."""
        return Toolchain(cls.requirements, exclude_newer=RESOLVED)

    @classmethod
    def unavailable(cls) -> str | None:
        """Core AI is there for Linux and macOS."""
        return None if sys.platform in {"linux", "darwin"} else "Core AI has no runtime for this system"

    def load(self, model: Model, threads: int) -> None:
        """Compile the package's program and load it; raise UserError for a package that can't be."""
        import asyncio
        from contextlib import AsyncExitStack

        from coreai.authoring import AIModelAsset

        require_intact(model.file)
        # Core AI's calls are coroutines: one event loop serves them all, and keeps the compiled program until the end.
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        try:
            opened = AIModelAsset.load(model.file).executable()
            loaded: Any = self._loop.run_until_complete(self._stack.enter_async_context(opened))
            self._function: Any = loaded.load_function(FUNCTION)
        except Exception as error:  # the bindings raise RuntimeError, KeyError and what the system gives
            raise UserError(
                f"Core AI cannot load {model.file}: {error}", hint="was it made for another version of Core AI?"
            ) from error

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run one batch: float32 [N, C, H, W] to float32 [N, classes]."""
        import numpy as np
        from coreai.runtime import NDArray as Tensor

        made = self._loop.run_until_complete(self._function({INPUT: Tensor(batch)}))
        return np.array(made[OUTPUT].numpy(), dtype=np.float32)
