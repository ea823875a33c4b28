"""Run torch artifacts with torch itself: the reference that the other formats are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from edgesmith import Runtime, Tap, TorchModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model

REQUIREMENTS: tuple[str, ...] = ("torch>=2.6", "timm>=1.0.24", "safetensors>=0.5", "numpy>=2")
"""What rebuilding a torch artifact imports."""


class TorchRuntime(Runtime):
    """Eager torch on the CPU, in float32."""

    name = "torch"
    accepts = (TorchModel,)
    requirements: ClassVar[tuple[str, ...]] = REQUIREMENTS

    def load(self, model: Model, threads: int) -> None:
        """Rebuild the module from its recipe; raise UserError if the artifact is damaged."""
        import torch

        from edgesmith_stages.models.recipe import build

        torch.set_num_threads(threads)
        self.module: Any = build(model.path)

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run one batch: float32 [N, C, H, W] to float32 [N, classes]."""
        import numpy as np
        import torch

        with torch.inference_mode():
            output = self.module(torch.from_numpy(batch))
        return np.asarray(output.numpy(), dtype=np.float32)

    def tap(self, batch: NDArray[np.generic], see: Callable[[Tap], None]) -> None:
        """Show each operation's result, by the path of the module that called it."""
        import torch

        from edgesmith_stages.runtimes.torch_taps import tap

        tap(self.module, torch.from_numpy(batch), see)
