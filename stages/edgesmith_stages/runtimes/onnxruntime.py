"""Run ONNX artifacts with ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith import OnnxModel, Runtime

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model


class OnnxRuntime(Runtime):
    """ONNX Runtime's CPU provider, with deterministic kernels and pinned threads."""

    name = "onnxruntime"
    accepts = (OnnxModel,)
    requirements = ("onnxruntime>=1.24", "numpy>=2")

    def load(self, model: Model, threads: int) -> None:
        """Make a session for the file."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(str(model.file), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run one batch, as `InputContract.feed` gives it: float32 [N, classes]."""
        import numpy as np

        return np.asarray(self._session.run(None, {self._input: batch})[0], dtype=np.float32)
