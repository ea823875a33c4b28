"""The runtime `executorch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith import Runtime, Toolchain, UserError
from edgesmith_executorch.model import EXECUTORCH, RESOLVED, ExecutorchModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model

METHOD = "forward"


class ExecutorchRuntime(Runtime):
    """ExecuTorch's own runtime on the CPU, through its Python bindings: XNNPACK and the portable kernels."""

    name = "executorch"
    accepts = (ExecutorchModel,)
    requirements = EXECUTORCH

    @classmethod
    def toolchain(cls) -> Toolchain:
        """As of a date."""
        return Toolchain(cls.requirements, exclude_newer=RESOLVED)

    def load(self, model: Model, threads: int) -> None:
        """Load the program and prepare its method; raise UserError for a file that this ExecuTorch can't run."""
        from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
        from executorch.runtime import Runtime as Executorch

        # Unsafe while a method runs, says ExecuTorch; here none is loaded yet. There is no other way to pin threads.
        _unsafe_reset_threadpool(threads)
        try:
            program = Executorch.get().load_program(model.file)
            self._method: Any = program.load_method(METHOD)
        except RuntimeError as error:
            raise UserError(
                f"ExecuTorch cannot load {model.file}: {error}",
                hint="a damaged file, or one with operators that this build of ExecuTorch has no kernel for",
            ) from error

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run one batch: float32 [N, C, H, W] to float32 [N, classes]."""
        import numpy as np
        import torch

        (output,) = self._method.execute([torch.from_numpy(batch)])
        return np.asarray(output.numpy(), dtype=np.float32)
